"""Imports datasets: all rows or none, each import a version that never changes."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence

from django.conf import settings
from django.db import transaction
from django.utils.text import slugify

from optimization.catalog.errors import DatasetRefused, Fault
from optimization.catalog.rows import FAULTS_SHOWN, Reading, Row, rows_read
from optimization.models import Dataset, DatasetVersion, Example, ExampleSplit, Workspace

DEFAULT_RATIOS: Mapping[str, float] = {"train": 0.6, "validate": 0.2, "test": 0.2}


def dataset_import(
    *,
    workspace: Workspace,
    name: str,
    lines: Iterable[str | bytes],
    title: str = "",
    target_field: str = "target",
    split_field: str = "split",
    ratios: Mapping[str, float] = DEFAULT_RATIOS,
    seed: int = 0,
    inputs: Sequence[str] = (),
) -> DatasetVersion:
    """Imports JSONL as a new version of the dataset `name`; the same rows again give the version they made.

    Rows without a split are dealt out by `ratios`, shuffled by `seed`. `inputs` names the program's inputs, if
    the rows are meant for one. Raises DatasetRefused with an error per bad row, and then nothing is imported.
    """
    slug = _slug(name)
    _check_ratios(ratios)
    reading = rows_read(
        _within_size(lines),
        target_field=target_field,
        split_field=split_field,
        inputs=inputs,
        most=settings.DATASET_MAX_ROWS,
    )
    _refuse_bad(reading)
    splits = _by_field(reading.rows) or _by_ratio(reading.rows, ratios, seed)
    return _store(workspace, slug, title or name, splits)


def _slug(name: str) -> str:
    slug = slugify(name)[:80]
    if not slug:
        raise DatasetRefused(
            f"{name!r} cannot name a dataset: use letters, digits and dashes.",
            faults=[Fault("/name", "use letters, digits and dashes")],
        )
    return slug


def _check_ratios(ratios: Mapping[str, float]) -> None:
    unknown = [split for split in ratios if split not in ExampleSplit.values]
    if unknown or min(ratios.values(), default=0) < 0 or ratios.get("train", 0) <= 0:
        message = "ratios must be numbers of 0 or more for train, validate and test, and train above 0"
        raise DatasetRefused(f"The {message}.", faults=[Fault("/ratios", message)])


def _within_size(lines: Iterable[str | bytes]) -> Iterable[str | bytes]:
    room = settings.DATASET_MAX_BYTES
    for line in lines:
        room -= len(line)
        if room < 0:
            raise DatasetRefused(
                f"The file is larger than {settings.DATASET_MAX_BYTES:,} bytes: split it, or raise "
                "HANDGRAD_DATASET_MAX_BYTES."
            )
        yield line


def _refuse_bad(reading: Reading) -> None:
    if reading.faults:
        more = f"; the first {FAULTS_SHOWN} are listed" if reading.bad > FAULTS_SHOWN else ""
        lines = "line is" if reading.bad == 1 else "lines are"
        raise DatasetRefused(
            f"{reading.bad} {lines} wrong, and nothing was imported{more}.",
            rows=reading.faults,
            bad=reading.bad,
        )
    if not reading.rows:
        raise DatasetRefused("The file has no rows: write one JSON object a line.")


def _by_field(rows: Sequence[Row]) -> dict[str, list[Row]] | None:
    if rows[0].split is None:
        return None
    splits: dict[str, list[Row]] = {split: [] for split in ExampleSplit.values}
    for row in rows:
        splits[row.split or ""].append(row)
    if not splits["train"]:
        raise DatasetRefused('No row has the split "train": a run needs at least one to learn from.')
    return splits


def _by_ratio(rows: Sequence[Row], ratios: Mapping[str, float], seed: int) -> dict[str, list[Row]]:
    """Shuffles, then cuts; every split that is wanted gets a row as soon as there are enough, train first."""
    order = list(rows)
    random.Random(seed).shuffle(order)
    total = sum(ratios.values())
    counts = {
        split: max(round(len(order) * ratios.get(split, 0) / total), 1) if ratios.get(split, 0) > 0 else 0
        for split in ("test", "validate")
    }
    while sum(counts.values()) >= len(order) and any(counts.values()):
        counts[max(counts, key=lambda split: (counts[split], split))] -= 1
    test, validate = counts["test"], counts["validate"]
    parts = {
        "test": order[:test],
        "validate": order[test : test + validate],
        "train": order[test + validate :],
    }
    return {split: sorted(parts[split], key=lambda row: row.line) for split in ExampleSplit.values}


@transaction.atomic
def _store(
    workspace: Workspace, slug: str, title: str, splits: Mapping[str, Sequence[Row]]
) -> DatasetVersion:
    """Locks the dataset, so that two imports at once get two numbers."""
    digest = _digest(splits)
    dataset, _ = Dataset.objects.get_or_create(
        workspace=workspace, name=slug, defaults={"title": title[:160]}
    )
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    if same := dataset.versions.filter(digest=digest).first():
        return same
    latest = dataset.versions.order_by("-number").first()
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=latest.number + 1 if latest else 1,
        digest=digest,
        sizes={split: len(rows) for split, rows in splits.items()},
    )
    Example.objects.bulk_create(
        [
            Example(version=version, split=split, position=position, inputs=row.inputs, target=row.target)
            for split, rows in splits.items()
            for position, row in enumerate(rows)
        ],
        batch_size=500,
    )
    return version


def _digest(splits: Mapping[str, Sequence[Row]]) -> str:
    canonical = {
        split: [[row.inputs, row.target] for row in splits.get(split, ())] for split in ExampleSplit.values
    }
    return hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest()
