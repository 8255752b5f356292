"""The broker dies, forgets everything or is not there: a message is a nudge, and the sweeper sends it again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from optimization.models import Call, Run
from optimization.rehearsal.endpoint import Options
from tests.chaos.arena import Arena
from tests.chaos.rabbit import Rabbit
from tests.chaos.scale import tally, times
from tests.chaos.scene import (
    CountingEndpoint,
    Person,
    assert_nothing_lost_nothing_twice,
    counting,
    finishes,
    going,
    story,
)
from tests.house.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800), pytest.mark.django_db(transaction=True)]
Begin = Callable[..., Run]


def moves_on(run: Run, person: Person) -> Callable[[], bool]:
    """Whether something has happened in the run since this was asked for."""
    seen = run.event_seq

    def moved() -> bool:
        person.answer(run)
        return not going(run) or run.event_seq > seen

    return moved


def die_and_return(
    run: Run, person: Person, times_left: int, stop: Callable[[], None], start: Callable[[], None]
) -> int:
    """Kill the broker again and again while the run goes on; how often that was."""
    died = 0
    while died < times_left and going(run):
        person.answer(run)
        stop()
        person.answer(run)
        start()
        died += 1
        wait_until(moves_on(run, person), 60)
    return died


def test_redis_dies_again_and_again(
    arena: Arena, begin: Begin, endpoint: CountingEndpoint, person: Person, undisturbed: dict[str, Any]
) -> None:
    arena.start_worker()
    arena.start_sweeper()
    wanted, died, runs = times(2, 20), 0, 0
    while died < wanted:
        run = begin()
        died += die_and_return(run, person, wanted - died, arena.stop_redis, arena.start_redis)
        finishes(run, arena, person)
        assert_nothing_lost_nothing_twice(run, person)
        assert story(run) == undisturbed
        runs += 1
    tally("Redis killed", times=died, runs=runs, stories=f"{runs} byte-equal")


def test_redis_is_flushed_without_end_and_then_is_not_there(
    arena: Arena, begin: Begin, endpoint: CountingEndpoint, person: Person, undisturbed: dict[str, Any]
) -> None:
    arena.start_worker()
    arena.start_sweeper()
    run, flushed, absent = begin(), 0, times(1, 60)
    client = Redis.from_url(arena.broker.url)

    def first_answers() -> bool:
        nonlocal flushed
        client.flushall()
        flushed += 1
        person.answer(run)
        return bool(person.given[run.pk])

    wait_until(first_answers, 60)
    arena.stop_redis()
    until = time.monotonic() + absent
    while time.monotonic() < until:
        person.answer(run)
        time.sleep(0.1)
    with pytest.raises(RedisError):
        client.ping()
    arena.start_redis()
    finishes(run, arena, person)

    assert story(run) == undisturbed
    tally("FLUSHALL, then no Redis", times=flushed, seconds_absent=absent, stories="1 byte-equal")


def test_a_lost_broker_ends_no_work(
    tmp_path: Path, transactional_db: None, begin: Begin, person: Person, undisturbed: dict[str, Any]
) -> None:
    """What a worker's process has in the air when the broker dies is finished and stored, not called again."""
    longer = {"HANDGRAD_LEASE_SECONDS": "60"}  # nobody dies here, and no lease is to be lost for slowness
    with counting(Options(latency=1.5)) as slow, Arena(tmp_path, **longer) as arena:
        arena.start_worker(pool="prefork")
        arena.start_sweeper()
        run = begin()
        wait_until(lambda: slow.calls > 0, 60)
        arena.stop_redis()
        arena.start_redis()
        finishes(run, arena, person)
    assert story(run) == undisturbed
    assert slow.calls == Call.objects.filter(run=run).count()
    tally("Redis killed with calls in the air", calls=slow.calls, repeated=0, stories="1 byte-equal")


@pytest.mark.long
def test_rabbitmq_as_the_broker_dies_again_and_again(
    tmp_path: Path,
    transactional_db: None,
    begin: Begin,
    endpoint: CountingEndpoint,
    person: Person,
    undisturbed: dict[str, Any],
) -> None:
    """With production's pool: with the pool `solo` and one message at a time, Celery puts off its acknowledgements to RabbitMQ
    until its next timer, ten seconds later."""
    with Rabbit(tmp_path / "rabbit") as rabbit, Arena(tmp_path, CELERY_BROKER_URL=rabbit.url) as arena:
        arena.start_worker(pool="prefork")
        arena.start_sweeper()
        wanted, died, runs = times(1, 20), 0, 0
        while runs == 0 or died < wanted:
            run = begin()
            if runs:
                died += die_and_return(run, person, wanted - died, rabbit.kill, rabbit.start)
            finishes(run, arena, person)
            assert_nothing_lost_nothing_twice(run, person)
            assert story(run) == undisturbed
            runs += 1
    tally("RabbitMQ killed", times=died, runs=f"{runs}, the first in peace", stories=f"{runs} byte-equal")


@pytest.mark.long
def test_rabbitmq_hangs_and_goes_on(
    tmp_path: Path,
    transactional_db: None,
    begin: Begin,
    endpoint: CountingEndpoint,
    person: Person,
    undisturbed: dict[str, Any],
) -> None:
    """It keeps its connections and says nothing for half a minute; then everything goes on."""
    with Rabbit(tmp_path / "rabbit") as rabbit, Arena(tmp_path, CELERY_BROKER_URL=rabbit.url) as arena:
        arena.start_worker(pool="prefork")
        arena.start_sweeper()
        run = begin()
        wait_until(moves_on(run, person), 60)
        rabbit.hang()
        until = time.monotonic() + 30
        while time.monotonic() < until:
            person.answer(run)
            time.sleep(0.1)
        rabbit.go_on()
        finishes(run, arena, person)
        assert story(run) == undisturbed
    tally("RabbitMQ hung", seconds=30, stories="1 byte-equal")


@pytest.mark.parametrize("dead", ["sweeper", "beat"])
def test_of_the_sweepers_two_places_one_may_be_dead(
    dead: str,
    arena: Arena,
    begin: Begin,
    endpoint: CountingEndpoint,
    person: Person,
    undisturbed: dict[str, Any],
) -> None:
    """With a worker killed besides, so that there is something to sweep."""
    if dead == "sweeper":
        arena.start("beat", schedule=str(arena.folder / "beat"))
    else:
        arena.start_sweeper()
    run = begin()
    first = arena.start_worker("after_lease:1")
    wait_until(lambda: first.ended is not None, 60)
    arena.start_worker()
    finishes(run, arena, person)
    assert story(run) == undisturbed
    tally(f"{dead} dead, a worker killed", stories="1 byte-equal")
