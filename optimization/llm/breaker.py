"""A breaker: an endpoint that fails every time is left alone for a while, and then tried with one call.

Calls that were under way when it opened say nothing new. A 429 is no failure here: the limiter gives way to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from optimization.llm.errors import (
    EndpointDown,
    EndpointError,
    GarbledReply,
    ServerFailed,
    TimedOut,
    Unreachable,
)

OPENS_AFTER = 20
FIRST_REST, LONGEST_REST = 5.0, 60.0
_FAILURES = (Unreachable, TimedOut, ServerFailed, GarbledReply)


class Breaker:
    """Counts the failures in a row of one endpoint, in this process."""

    def __init__(self, where: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._where = where
        self._clock = clock
        self._failures = 0
        self._rest = FIRST_REST
        self._opened_at = 0.0
        self._rests_until = 0.0
        self._last = ""

    def check(self) -> None:
        """Raises EndpointDown while the endpoint is left alone; its rest over, one call may try it."""
        if self._failures < OPENS_AFTER:
            return
        left = self._rests_until - self._clock()
        if left > 0:
            raise EndpointDown(self._where, self._failures, left, self._last)
        self._rests_until = self._clock() + self._rest  # for the others: this call tries it

    def now(self) -> float:
        """When a call begins, to be handed to `failed`."""
        return self._clock()

    def succeeded(self) -> None:
        self._failures, self._rest = 0, FIRST_REST

    def failed(self, error: EndpointError, begun: float) -> None:
        """A call that began at `begun` has failed."""
        if not isinstance(error, _FAILURES) or (self._failures >= OPENS_AFTER and begun <= self._opened_at):
            return
        self._failures += 1
        self._last = error.what
        if self._failures >= OPENS_AFTER:
            self._opened_at = self._clock()
            self._rests_until = self._opened_at + self._rest
            self._rest = min(self._rest * 2, LONGEST_REST)
