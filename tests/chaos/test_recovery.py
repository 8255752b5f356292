"""How long a dead worker is missed at production settings."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from optimization.models import Run, WorkItem, WorkState
from optimization.rehearsal.endpoint import Options
from optimization.runs.engine.advance import advance
from tests.chaos.arena import PRODUCTION, Arena, Child
from tests.chaos.scale import tally
from tests.chaos.scene import counting
from tests.house.waiting import wait_until

pytestmark = [
    pytest.mark.stack,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.django_db(transaction=True),
]
KILLS = 20
P95_SECONDS = 75.0


def fences(run: Run, state: str | None = None) -> dict[int, int]:
    items = WorkItem.objects.filter(run=run, **({"state": state} if state else {}))
    return dict(items.values_list("pk", "fence"))


def test_what_a_dead_worker_held_is_at_work_again_within_75_seconds(
    tmp_path: Path, begin: Callable[..., Run]
) -> None:
    """Each worker has a run of its own in hand, and dies at some moment between two heartbeats."""
    dice = random.Random(3)
    with counting(Options(latency=25)), Arena(tmp_path, **PRODUCTION) as arena:
        runs = [begin(iterations=1) for _ in range(KILLS)]
        workers: list[tuple[Run, Child]] = []
        for run in runs:
            advance(run.pk)
            workers.append((run, arena.start("drive", run=run.pk)))
        wait_until(lambda: all(fences(run, WorkState.LEASED) for run in runs), 60)
        for _ in range(KILLS):  # who takes their places
            arena.start_worker()
        arena.start_sweeper()
        lost: dict[int, tuple[float, dict[int, int]]] = {}
        for run, worker in workers:
            time.sleep(dice.uniform(0, 1))
            worker.kill()
            lost[run.pk] = (time.monotonic(), fences(run, WorkState.LEASED))
        missed: dict[int, float] = {}

        def all_taken_again() -> bool:
            for run in runs:
                died, held = lost[run.pk]
                now = fences(run)
                if run.pk not in missed and all(now[pk] > fence for pk, fence in held.items()):
                    missed[run.pk] = time.monotonic() - died
            return len(missed) == len(runs)

        wait_until(all_taken_again, 300)
    seconds = sorted(missed.values())
    p95 = statistics.quantiles(seconds, n=20)[-1]
    tally(
        "Recovery at production settings",
        kills=KILLS,
        median=f"{statistics.median(seconds):.0f} s",
        p95=f"{p95:.0f} s",
    )
    assert p95 <= P95_SECONDS
