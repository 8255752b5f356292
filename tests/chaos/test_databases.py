"""PostgreSQL is restarted again and again under a run; what was committed is there, and the run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection

from optimization.models import Run
from tests.chaos.arena import Arena
from tests.chaos.cluster import Cluster
from tests.chaos.scale import tally, times
from tests.chaos.scene import (
    CountingEndpoint,
    Person,
    assert_nothing_lost_nothing_twice,
    finishes,
    going,
    story,
)
from tests.house.waiting import wait_until

pytestmark = [
    pytest.mark.stack,
    pytest.mark.long,
    pytest.mark.postgresql,
    pytest.mark.timeout(1800),
    pytest.mark.django_db(transaction=True),
]


def moved_since(seen: int, run: Run, person: Person) -> bool:
    """Whether the run has gone on; this process's connection, too, was cut."""
    try:
        person.answer(run)
        return not going(run) or run.event_seq > seen
    except DatabaseError:
        connection.close()
        return False


def test_postgresql_restarts_again_and_again(
    arena: Arena,
    begin: Callable[..., Run],
    endpoint: CountingEndpoint,
    person: Person,
    undisturbed: dict[str, Any],
) -> None:
    cluster = Cluster.of_this_test_run()
    assert cluster is not None, "this restarts PostgreSQL: start it by `make chaos`, which brings its own"
    for _ in range(2):
        arena.start_worker()
    arena.start_sweeper()
    wanted, died, runs = times(2, 20), 0, 0
    while died < wanted:
        run = begin()
        while died < wanted and going(run):
            seen = run.event_seq
            connection.close()
            cluster.restart("immediate" if died % 2 else "fast")
            died += 1
            wait_until(lambda seen=seen, run=run: moved_since(seen, run, person), 120)
        finishes(run, arena, person)
        assert_nothing_lost_nothing_twice(run, person)
        assert story(run) == undisturbed
        runs += 1
    assert all(child.ended is None for child in arena.children.values()), "a restart has ended a process"
    tally("PostgreSQL restarted", times=died, runs=runs, processes_lost=0, stories=f"{runs} byte-equal")
