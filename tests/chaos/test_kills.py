"""Workers are killed at every named point; the run ends as if nothing had happened, to the byte."""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce

from optimization.models import Call, Run, WorkItem, WorkState
from optimization.runs.engine.faults import FAULT_POINTS
from tests.chaos.arena import Arena, dies
from tests.chaos.scale import tally
from tests.chaos.scene import (
    CountingEndpoint,
    Person,
    assert_nothing_lost_nothing_twice,
    finishes,
    going,
    story,
)
from tests.house.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800), pytest.mark.django_db(transaction=True)]
KILLS = int(os.environ.get("HANDGRAD_CHAOS_KILLS", "50"))
# An item that kills its worker seven times is poison, and stops its run; chaos stays below that.
KILLS_A_RUN = 6
# Up to which passage of a point a worker lives; a step comes once an iteration.
LATEST = {
    "before_call": 9,
    "after_call": 9,
    "after_save": 9,
    "before_lease": 4,
    "after_lease": 3,
    "after_commit": 8,
}


@dataclass
class Toll:
    """What was counted over the runs of a test. `lost_calls` were made and died before they were stored."""

    kills: int = 0
    runs: int = 0
    answers: int = 0
    lost_calls: int = 0
    worst: int = 0


class Slaughter:
    """Kills the workers of one run after another, and keeps count."""

    def __init__(self, arena: Arena, endpoint: CountingEndpoint, person: Person) -> None:
        self.arena = arena
        self.endpoint = endpoint
        self.person = person
        self.toll = Toll()

    def run_through(self, run: Run, deaths: deque[str], most: int) -> None:
        """Let workers of the run die at these points while it goes on, then let it end.

        A death that the run's end forestalls is left for the next run, to come at once.
        """
        base, lost, ended = self.endpoint.calls, 0, 0
        for _ in range(most):
            if not going(run) or not deaths:
                break
            fault = deaths.popleft()
            if not self._one_life(run, fault):
                deaths.append(f"{fault.partition(':')[0]}:1")
                break
            self.toll.kills += 1
            now = self.endpoint.calls - base - Call.objects.filter(run=run).count()
            until_now = leases_ended(run)
            held, ended = until_now - ended, until_now
            assert 0 <= now - lost <= held, f"{now - lost} calls were lost at {fault}, {held} were in flight"
            assert_the_file_is_whole()
            self.toll.worst = max(self.toll.worst, now - lost)
            lost = now
        healthy = self.arena.start_worker()
        finishes(run, self.arena, self.person)
        healthy.kill()
        assert_nothing_lost_nothing_twice(run, self.person)
        again = self.endpoint.calls - base - Call.objects.filter(run=run).count() - lost
        assert again <= leases_ended(run) - ended, "a stored call was made again"
        self.toll.runs += 1
        self.toll.lost_calls += lost

    def _one_life(self, run: Run, fault: str) -> bool:
        """True if the worker died where it was told to, False if the run ended first."""
        worker = self.arena.start_worker(fault)

        def over() -> bool:
            self.person.answer(run)
            return worker.ended is not None or not going(run)

        wait_until(over, 60)
        if worker.ended is None:
            worker.kill()
            return False
        dies(worker)
        return True

    def tally(self, what: str) -> None:
        toll = self.toll
        tally(
            what,
            kills=toll.kills,
            runs=toll.runs,
            answers=f"{sum(map(len, self.person.given.values()))} given, 0 lost",
            steps="0 twice",
            stories=f"{toll.runs} byte-equal",
            calls=f"{toll.lost_calls} repeated, at most {toll.worst} a kill",
        )


def leases_ended(run: Run) -> int:
    """How many leases of the run were lost, those of the dead that the sweeper has not come to among them.

    Also those of a worker that lives but was too slow to renew, as such short leases can be.
    """
    at_work = Count("pk", filter=Q(state=WorkState.LEASED))
    ended = WorkItem.objects.filter(run=run).aggregate(lost=Coalesce(Sum("losses"), 0), held=at_work)
    return int(ended["lost"] + ended["held"])


def assert_the_file_is_whole() -> None:
    """SQLite's own look at its file after a writer's death; PostgreSQL's pages are its own business."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            assert cursor.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.fixture
def slaughter(arena: Arena, endpoint: CountingEndpoint, person: Person) -> Slaughter:
    arena.start_sweeper()
    return Slaughter(arena, endpoint, person)


def fault_at(point: str, dice: random.Random) -> str:
    return f"{point}:{dice.randint(1, LATEST.get(point, 2 if 'step' not in point else 1))}"


def test_a_run_survives_a_death_at_every_point(
    begin: Callable[..., Run], slaughter: Slaughter, undisturbed: dict[str, Any]
) -> None:
    dice = random.Random(7)
    left = [fault_at(point, dice) for point in FAULT_POINTS]
    dice.shuffle(left)
    deaths = deque(left)
    while deaths:
        run = begin()
        slaughter.run_through(run, deaths, len(FAULT_POINTS))
        assert story(run) == undisturbed
    slaughter.tally("SIGKILL, once at every point")


@pytest.mark.long
@pytest.mark.parametrize("point", FAULT_POINTS)
def test_many_deaths_at_one_point(
    point: str, begin: Callable[..., Run], slaughter: Slaughter, undisturbed: dict[str, Any]
) -> None:
    dice = random.Random(point)
    deaths = deque(fault_at(point, dice) for _ in range(KILLS))
    while deaths:
        run = begin()
        slaughter.run_through(run, deaths, KILLS_A_RUN)
        assert story(run) == undisturbed
    slaughter.tally(f"SIGKILL, {point}")
