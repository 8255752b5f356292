"""Limits that several worker processes share through Redis, and what is left of them without it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from redis import Redis

from optimization.runs.limits import SharedLimits
from optimization.runs.limits.memory import SharedMemory
from optimization.runs.limits.places import SharedPlaces
from optimization.runs.limits.rates import SharedRate

NOWHERE = "unix:///nowhere/redis.sock"
Workers = Callable[..., list[SharedLimits]]


@pytest.fixture
async def workers(redis_url: str) -> AsyncIterator[Workers]:
    """As many worker processes' limits as wanted, over one empty Redis."""
    Redis.from_url(redis_url).flushall()
    made: list[SharedLimits] = []

    def make(count: int, url: str = redis_url) -> list[SharedLimits]:
        made.extend(SharedLimits(url, members=count) for _ in range(count))
        return made[-count:]

    yield make
    for limits in made:
        await limits.aclose()


class Crowd:
    """Calls of some milliseconds each; `most` is how many were ever under way together."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def call(self, places: SharedPlaces, seconds: float = 0.02) -> None:
        async with places:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(seconds)
            self.now -= 1


async def test_all_workers_together_call_no_more_at_once_than_the_endpoint_allows(workers: Workers) -> None:
    crowd = Crowd()
    async with asyncio.TaskGroup() as group:
        for limits in workers(3):
            for _ in range(20):
                group.create_task(crowd.call(limits.places("a model", 6)))
    assert crowd.most == 6


async def test_workers_that_begin_together_have_their_parts_before_any_call_ends(workers: Workers) -> None:
    first, second = (limits.places("a model", 6) for limits in workers(2))
    shared, over = asyncio.Event(), asyncio.Event()

    async def call(places: SharedPlaces) -> None:
        async with places:
            if first.used == second.used == 3:
                shared.set()
            await over.wait()

    calls = [asyncio.create_task(call(places)) for places in (first, second) for _ in range(6)]
    await asyncio.wait_for(shared.wait(), 10)
    over.set()
    await asyncio.gather(*calls)


async def test_one_worker_alone_soon_has_all_places(workers: Workers) -> None:
    places = workers(2)[0].places("a model", 6)
    crowd = Crowd()
    await asyncio.gather(*(crowd.call(places) for _ in range(60)))
    assert crowd.most == 6


async def test_a_worker_that_comes_later_gets_its_part(workers: Workers) -> None:
    first, second = workers(2)
    crowd, early = Crowd(), asyncio.Event()
    hog = [asyncio.create_task(crowd.call(first.places("a model", 4), 0.05)) for _ in range(200)]
    await asyncio.sleep(0.1)
    late = asyncio.create_task(crowd.call(second.places("a model", 4)))
    late.add_done_callback(lambda _: early.set())
    await asyncio.wait_for(early.wait(), 10)
    assert not all(call.done() for call in hog), "it had to wait for all of the others' calls"
    assert crowd.most == 4
    for call in hog:
        call.cancel()
    await asyncio.gather(*hog, return_exceptions=True)


async def test_what_a_dead_worker_held_is_free_after_a_while(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimization.runs.limits.places.TTL_SECONDS", 0.2)
    dead, alive = workers(2)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(dead.places("a model", 1))
        dead.places("a model", 1)._keeper.cancel()
        await asyncio.wait_for(Crowd().call(alive.places("a model", 1)), 10)


async def test_without_redis_each_worker_keeps_to_its_part(workers: Workers) -> None:
    crowd = Crowd()
    async with asyncio.TaskGroup() as group:
        for limits in workers(2, NOWHERE):
            for _ in range(10):
                group.create_task(crowd.call(limits.places("a model", 6)))
    assert crowd.most == 6


async def taken_within(rates: list[SharedRate], seconds: float, amount: float = 1.0) -> float:
    """How much the workers get together."""
    got, until = 0.0, time.monotonic() + seconds

    async def work(rate: SharedRate) -> None:
        nonlocal got
        while True:
            await rate.acquire(amount)
            if time.monotonic() > until:
                return
            got += amount

    tasks = [asyncio.create_task(work(rate)) for rate in rates]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return got


@pytest.mark.parametrize("url", ["redis", NOWHERE])
async def test_all_workers_together_keep_to_the_rate(workers: Workers, redis_url: str, url: str) -> None:
    rates = [limits.limiter("a model", 6000) for limits in workers(3, redis_url if url == "redis" else url)]
    got = await taken_within(rates, 0.5)
    # a second's burst and half a second's refill, at 100 a second
    assert 20 < got <= 100 + 50 + 1


async def test_a_burst_of_429s_lowers_the_rate_of_all_once_and_successes_raise_it(workers: Workers) -> None:
    here, there = (limits.limiter("a model", 6000) for limits in workers(2))
    begun = [await rate.acquire() for rate in (here, there)]
    await asyncio.sleep(0.01)
    here.backoff(begun=begun[0])
    there.backoff(begun=begun[1])
    for rate in (here, there):
        await rate.acquire()
    assert here.rpm == there.rpm == 3000
    here.recover(begun=await here.acquire())
    await asyncio.sleep(0.3)
    await here.acquire()
    assert here.rpm == pytest.approx(3300)


async def test_tokens_given_back_are_there_for_the_others(workers: Workers) -> None:
    here, there = (limits.limiter("a model tokens", 600) for limits in workers(2))
    await here.acquire(10)
    here.refund(10)
    await here.acquire(1)
    began = time.monotonic()
    await there.acquire(8)
    assert time.monotonic() - began < 0.5


async def test_redis_that_comes_back_is_used_again(redis_url: str) -> None:
    memory = SharedMemory(redis_url, 2)
    memory._away_until = time.monotonic() + 0.1
    assert await memory.run("return {1}", "x") is None
    await asyncio.sleep(0.15)
    assert await memory.run("return {1}", "x") == [1]
    await memory.aclose()
