"""The table of runs: filtered, searched, sorted, in cursor pages; as fast with ten thousand runs as with ten."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db.models import Count, Q, QuerySet, Sum

from optimization.models import Activity, Call, ExampleSplit, Run, RunState, Score, Workspace
from optimization.runs.status import RunStatus, run_statuses

PAGE = 50
Order = Literal["newest", "changed", "name"]
# Each order follows an index of Run; the id decides between equals.
ORDERS: Mapping[Order, tuple[str, bool]] = {
    "newest": ("created_at", True),
    "changed": ("state_since", True),
    "name": ("name", False),
}
# What a person may choose to see: a state, and those of the running ones that wait for people.
SHOWS: Mapping[str, Mapping[str, str]] = {
    "waiting": {"state": RunState.RUNNING, "activity": Activity.PEOPLE},
    "running": {"state": RunState.RUNNING},
    "attention": {"state": RunState.NEEDS_ATTENTION},
    "paused": {"state": RunState.PAUSED},
    "finished": {"state": RunState.FINISHED},
    "cancelled": {"state": RunState.CANCELLED},
}


@dataclass(frozen=True)
class RunRow:
    """A run with what its line in the table says beyond its own columns."""

    run: Run
    status: RunStatus
    score: float | None
    first_score: float | None
    cost: float

    @property
    def iterations(self) -> int:
        return int(self.run.config.get("iterations", 0))


@dataclass(frozen=True)
class RunPage:
    """`after` and `before` are the cursors of the neighbouring pages, empty where there is none."""

    rows: tuple[RunRow, ...]
    after: str
    before: str


def runs_page(
    workspace: Workspace,
    *,
    show: str = "",
    search: str = "",
    order: Order = "newest",
    after: str = "",
    before: str = "",
    size: int = PAGE,
) -> RunPage:
    """A page of the workspace's runs; an unreadable cursor gives the first page."""
    runs = Run.objects.filter(workspace=workspace).select_related("program_version__program", "created_by")
    if show in SHOWS:
        runs = runs.filter(**SHOWS[show])
    if search:
        runs = runs.filter(name__icontains=search)
    field, descending = ORDERS[order]
    turned = bool(before) and not after
    cursor = _read(after or before, field)
    light = runs.defer("trainer_state", "optimizer_state", "pins")
    found = _window(light, field, descending != turned, cursor, size)
    more, found = len(found) > size, found[:size]
    if turned:
        found.reverse()
    return RunPage(
        rows=tuple(run_rows(found)),
        after=_write(found[-1], field) if found and (more or turned) else "",
        before=_write(found[0], field) if found and cursor and (more or not turned) else "",
    )


def run_counts(workspace: Workspace) -> dict[str, int]:
    """How many runs there are of each kind in SHOWS, and of "all", from an index alone."""
    counts = dict.fromkeys(("all", *SHOWS), 0)
    rows = Run.objects.filter(workspace=workspace).values_list("state", "activity").annotate(Count("pk"))
    for state, activity, number in rows.order_by():
        counts["all"] += number
        for name, wanted in SHOWS.items():
            if wanted.items() <= {"state": state, "activity": activity}.items():
                counts[name] += number
    return counts


def run_rows(runs: Sequence[Run]) -> list[RunRow]:
    """The runs with status, scores and cost: a fixed number of queries for all of them."""
    ids = [run.pk for run in runs]
    statuses = run_statuses(runs)
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    scores = Score.objects.filter(run__in=ids, split=ExampleSplit.TEST, mean__isnull=False).order_by(
        "position"
    )
    for run_id, mean in scores.values_list("run_id", "mean"):
        first.setdefault(run_id, mean or 0.0)
        last[run_id] = mean or 0.0
    spent = Call.objects.filter(run__in=ids).values_list("run_id").annotate(cost=Sum("cost"))
    cost: dict[int, float] = dict(spent.order_by())
    return [
        RunRow(run, statuses[run.pk], last.get(run.pk), first.get(run.pk), cost.get(run.pk, 0.0))
        for run in runs
    ]


def _window(
    runs: QuerySet[Run], field: str, descending: bool, cursor: tuple[Any, int] | None, size: int
) -> list[Run]:
    if cursor:
        value, pk = cursor
        beyond = "lt" if descending else "gt"
        runs = runs.filter(Q(**{f"{field}__{beyond}": value}) | Q(**{field: value, f"pk__{beyond}": pk}))
    sign = "-" if descending else ""
    return list(runs.order_by(f"{sign}{field}", f"{sign}pk")[: size + 1])


def _write(run: Run, field: str) -> str:
    value = getattr(run, field)
    plain = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([field, plain, run.pk]).encode()).decode().rstrip("=")


def _read(cursor: str, field: str) -> tuple[Any, int] | None:
    """The place that a cursor of this order names, None for one of another order or none at all."""
    try:
        of, value, pk = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = value if field == "name" else datetime.fromisoformat(value)
        return (place, int(pk)) if of == field else None
    except (ValueError, TypeError):
        return None
