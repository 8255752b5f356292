"""An arena of processes for each test, the engine's fixtures, and what was counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from optimization.catalog.datasets import dataset_import
from optimization.models import Run, Workspace
from optimization.rehearsal.endpoint import Options
from tests.chaos.arena import Arena
from tests.chaos.counts import PROPERTY, row_of
from tests.chaos.scale import LONG, tallies
from tests.chaos.scene import CountingEndpoint, Person, counting, story
from tests.engine.conftest import annotator, launch, operator, process, rehearsal_url, team
from tests.engine.loop import play
from tests.engine.test_loop import strict
from workers.process import Process

__all__ = ["annotator", "launch", "operator", "process", "rehearsal_url", "team"]


@pytest.fixture(autouse=True)
def counted(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """What the test tallies becomes part of its report, which reaches the table from any process."""
    tallies.clear()
    yield
    for what, counts in tallies:
        record_property(PROPERTY, tuple(row_of(what, counts)))


@pytest.fixture
def arena(tmp_path: Path, transactional_db: None) -> Iterator[Arena]:
    with Arena(tmp_path) as made:
        yield made


@pytest.fixture
def endpoint(team: Workspace) -> Iterator[CountingEndpoint]:
    with counting(Options(latency=0.03)) as made:
        yield made


@pytest.fixture
def person(annotator: User) -> Person:
    return Person(annotator)


@pytest.fixture
def begin(launch: Callable[..., Run], team: Workspace) -> Callable[..., Run]:
    """Launch a run of two iterations over four tickets, one of them held out; keyword arguments change its config."""
    rows = [
        {
            "inputs": {"ticket": f"Where is order {n}?", "customer": "Ada", "facts": f"Order: HB-{n}"},
            "split": s,
        }
        for n, s in enumerate(["train", "train", "train", "test"])
    ]
    lines = "\n".join(json.dumps(row) for row in rows)
    dataset_import(workspace=team, name="four", title="Four", lines=lines.encode().splitlines())
    small = {"trainer": {"name": "MinibatchAlgorithm", "args": {"batch_size": 2}}, "iterations": 2}
    return lambda **changes: launch(**{"dataset": "four", **small, **changes})


_undisturbed: list[dict[str, Any]] = []


@pytest.fixture
def undisturbed(
    begin: Callable[..., Run], endpoint: CountingEndpoint, annotator: User, process: Process
) -> dict[str, Any]:
    """The story of the run when nothing happens to it; played once, for it never differs."""
    if not _undisturbed:
        _undisturbed.append(story(play(begin(), annotator, strict, process)))
    return _undisturbed[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What only the long form does, or only the other database, is not collected."""
    sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    without = {"postgresql" if sqlite else "sqlite"} | (set() if LONG else {"long"})
    left_out = [item for item in items if any(map(item.get_closest_marker, without))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
