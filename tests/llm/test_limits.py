"""The rate limiter, by a clock that a test turns."""

from __future__ import annotations

import asyncio

import pytest

from optimization.llm import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_through_its_rate_and_says_how_long_to_wait() -> None:
    clock = Clock()
    limiter = RateLimiter(120, clock=clock)
    assert [limiter.take(), limiter.take()] == [0.0, 0.0]
    assert limiter.take() == pytest.approx(0.5)
    clock.now += 0.5
    assert limiter.take() == 0.0


def test_of_any_minute_no_more_than_the_rate_and_one_second_of_burst_is_used() -> None:
    clock = Clock()
    limiter = RateLimiter(300, clock=clock)
    taken = 0
    for _ in range(6000):
        taken += limiter.take() == 0.0
        clock.now += 0.01
    assert taken <= 300 + 300 / 60


def test_backoff_halves() -> None:
    limiter = RateLimiter(100)
    limiter.backoff()
    limiter.backoff()
    assert limiter.rpm == 25


def test_backoff_with_retry_after_sets_what_it_comes_to_and_the_next_call_waits_for_it() -> None:
    limiter = RateLimiter(600, clock=Clock())
    limiter.backoff(retry_after=2)
    assert limiter.rpm == 30
    assert limiter.take() == pytest.approx(2.0)


def test_the_floor_is_six_a_minute() -> None:
    limiter = RateLimiter(100)
    for _ in range(10):
        limiter.backoff(retry_after=600)
    assert limiter.rpm == 6


def test_a_rate_configured_under_the_floor_stays_what_it_is() -> None:
    limiter = RateLimiter(2)
    limiter.backoff()
    assert limiter.rpm == 2


def test_recover_goes_up_a_tenth_at_a_time_to_the_configured_rate() -> None:
    limiter = RateLimiter(100)
    limiter.backoff()
    limiter.recover()
    assert limiter.rpm == pytest.approx(55)
    for _ in range(20):
        limiter.recover()
    assert limiter.rpm == 100


def test_a_429_of_a_call_begun_before_the_last_backoff_does_not_lower_it_again() -> None:
    clock = Clock()
    limiter = RateLimiter(100, clock=clock)
    begun = clock.now
    clock.now += 1
    limiter.backoff(begun=begun)
    limiter.backoff(begun=begun)
    assert limiter.rpm == 50
    clock.now += 1
    limiter.backoff(begun=clock.now)
    assert limiter.rpm == 25


def test_successes_of_one_round_trip_raise_it_once() -> None:
    clock = Clock()
    limiter = RateLimiter(100, clock=clock)
    limiter.backoff()
    limiter.recover(begun=clock.now - 1)
    assert limiter.rpm == 50
    clock.now += 1
    begun = clock.now
    clock.now += 1
    limiter.recover(begun=begun)
    limiter.recover(begun=begun)
    assert limiter.rpm == pytest.approx(55)


def test_without_a_rate_there_is_no_limit_until_the_server_names_one() -> None:
    limiter = RateLimiter(clock=Clock())
    assert all(limiter.take() == 0.0 for _ in range(1000))
    limiter.backoff()
    assert limiter.take() == 0.0
    limiter.backoff(retry_after=0.5)
    assert limiter.rpm == 120
    assert limiter.take() == pytest.approx(0.5)


def test_an_amount_larger_than_the_bucket_waits_for_a_full_one_and_leaves_a_debt() -> None:
    limiter = RateLimiter(60, clock=Clock())
    assert limiter.take(10) == 0.0
    assert limiter.take() == pytest.approx(10.0)
    limiter.refund(9)
    assert limiter.take() == pytest.approx(1.0)


async def test_callers_have_their_turn_in_the_order_in_which_they_came() -> None:
    limiter = RateLimiter(6000)
    order: list[int] = []

    async def call(number: int) -> None:
        await limiter.acquire(20)
        order.append(number)

    await asyncio.gather(*(call(number) for number in range(8)))
    assert order == list(range(8))


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        RateLimiter(0)
