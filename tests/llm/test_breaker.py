"""The breaker: an endpoint that fails every time is left alone, and tried with one call."""

from __future__ import annotations

import asyncio

import pytest

from optimization.llm import ResourceManager
from optimization.llm.breaker import FIRST_REST, OPENS_AFTER, Breaker
from optimization.llm.errors import EndpointDown, EndpointError, RateLimited, ServerFailed
from tests.llm.scripted import ScriptedEndpoint, fails
from tests.llm.test_calls import HELLO, endpoint
from tests.llm.test_limits import Clock

FAILED = ServerFailed("The endpoint", "failed (500)")


def opened(clock: Clock) -> Breaker:
    breaker = Breaker("The endpoint", clock=clock)
    for _ in range(OPENS_AFTER):
        breaker.check()
        breaker.failed(FAILED, clock())
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_says_what_the_last_one_was() -> None:
    with pytest.raises(EndpointDown, match=r"failed 20 times in a row .* failed \(500\)") as down:
        opened(Clock()).check()
    assert down.value.retry_after == FIRST_REST


def test_a_success_or_a_429_in_between_keeps_it_closed() -> None:
    clock = Clock()
    breaker = Breaker("The endpoint", clock=clock)
    for _ in range(OPENS_AFTER - 1):
        breaker.failed(FAILED, clock())
    breaker.failed(RateLimited("The endpoint", "is called too often"), clock())
    breaker.check()
    breaker.succeeded()
    breaker.failed(FAILED, clock())
    breaker.check()


def test_its_rest_over_one_call_tries_the_endpoint_and_a_success_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now += FIRST_REST
    breaker.check()
    with pytest.raises(EndpointDown):
        breaker.check()
    breaker.succeeded()
    breaker.check()


def test_calls_that_were_under_way_when_it_opened_do_not_prolong_its_rest() -> None:
    clock = Clock()
    breaker, before = opened(clock), clock()
    clock.now += 1
    breaker.failed(FAILED, before)
    clock.now += FIRST_REST - 1
    breaker.check()


async def test_a_dead_endpoint_is_called_no_more_often_than_it_takes_to_know(
    server: ScriptedEndpoint,
) -> None:
    server.otherwise = fails(500)
    manager = ResourceManager(endpoint(server, max_concurrent=4, max_retries=5, retry_delay=0.001))
    told = await asyncio.gather(
        *(manager.complete("default", HELLO) for _ in range(60)), return_exceptions=True
    )
    assert all(isinstance(error, EndpointError) for error in told)
    assert OPENS_AFTER <= len(server.requests) < OPENS_AFTER + 4
