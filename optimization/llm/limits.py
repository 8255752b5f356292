"""How fast an endpoint is called: a token bucket whose rate gives way to 429s and recovers.

A burst of 429s lowers the rate once: calls that began before the last backoff say nothing new. In the same way the
successes of one round trip raise it once. Of any 60 seconds, no more than the present rate and one second's worth
of burst is used.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from weakref import WeakValueDictionary

from optimization.llm.loops import PerLoop

FLOOR_RPM = 6.0
RECOVERY = 1.1
_ROUNDING = 1e-9


class Limiter(Protocol):
    """What a call needs of a limiter, wherever its bucket is kept: in this process, or shared by all workers."""

    @property
    def rpm(self) -> float:
        """The present rate, in units a minute."""
        ...

    async def acquire(self, amount: float = 1.0) -> float:
        """Wait for one's turn; the moment at which it came, for `backoff` and `recover`."""
        ...

    def refund(self, amount: float) -> None:
        """Give back what was taken and not used; a negative amount takes more."""
        ...

    def backoff(self, retry_after: float | None = None, *, begun: float | None = None) -> None:
        """A 429 came for a call that began then."""
        ...

    def recover(self, *, begun: float | None = None) -> None:
        """A call that began then has succeeded."""
        ...


def lowered(rpm: float, retry_after: float | None, ceiling: float) -> float:
    """The rate after a 429: half, or what the server's Retry-After (seconds) comes to; never under the floor."""
    wanted = 60.0 / retry_after if retry_after else rpm / 2
    return min(max(wanted, min(FLOOR_RPM, ceiling)), ceiling)


_limiters: WeakValueDictionary[tuple[str, float], RateLimiter] = WeakValueDictionary()
_places: PerLoop[WeakValueDictionary[tuple[str, int], asyncio.Semaphore]] = PerLoop(WeakValueDictionary)

MakeLimiter = Callable[[str, float], Limiter]
MakePlaces = Callable[[str, int], AbstractAsyncContextManager[object]]


def in_memory(key: str, per_minute: float) -> RateLimiter:
    """The limiter of this process for `key`, which names the address, the model and the unit, and this rate.

    All who ask for it share it: a program, its judge and its optimizer, each bound by itself, keep to one rate together.
    """
    return _limiters.setdefault((key, per_minute), RateLimiter(per_minute))


def places_in_memory(key: str, most: int) -> asyncio.Semaphore:
    """Places for `most` calls at once in this event loop, shared as limiters are; used as `async with places`."""
    return _places.get().setdefault((key, most), asyncio.Semaphore(most))


class RateLimiter:
    """`rpm` units a minute, in the order in which they are asked for. `.rpm` is the present rate."""

    def __init__(self, rpm: float = math.inf, *, clock: Callable[[], float] = time.monotonic) -> None:
        if not isinstance(rpm, int | float) or not rpm > 0:
            raise ValueError(
                f"A rate limit must be a number above 0 a minute, not {rpm!r}; leave it out for no limit."
            )
        self.rpm = self.max_rpm = float(rpm)
        self._clock = clock
        self._tokens = self._capacity
        self._filled_at = clock()
        self._backed_off_at = -math.inf
        self._recovered_at = -math.inf
        self._turn = PerLoop(asyncio.Lock)

    async def acquire(self, amount: float = 1.0) -> float:
        """Wait for one's turn; the moment at which it came, to be handed to `backoff` or `recover`.

        An amount larger than the bucket waits for a full one and leaves a debt.
        """
        turn = self._turn.get()
        if turn.locked() or self.take(amount) > 0:
            async with turn:
                wait = self.take(amount)
                while wait > 0:
                    await asyncio.sleep(wait)
                    wait = self.take(amount)
        return self._clock()

    def take(self, amount: float = 1.0) -> float:
        """Take `amount` and give 0.0 if the bucket holds it, else the seconds until it may."""
        if math.isinf(self.rpm):
            return 0.0
        self._refill()
        lacking = min(amount, self._capacity) - self._tokens
        if lacking > _ROUNDING:
            return lacking * 60.0 / self.rpm
        self._tokens -= amount
        return 0.0

    def refund(self, amount: float) -> None:
        """Give back what was taken and not used; a negative amount takes what was used beyond it."""
        self._refill()
        self._tokens = min(self._tokens + amount, self._capacity)

    def backoff(self, retry_after: float | None = None, *, begun: float | None = None) -> None:
        """A 429 came. Without `begun`, the moment at which its call began, it always counts."""
        if begun is not None and begun <= self._backed_off_at:
            return
        self._refill()
        self.rpm = lowered(self.rpm, retry_after, self.max_rpm)
        self._tokens = min(self._tokens, 0.0)
        self._backed_off_at = self._clock()

    def recover(self, *, begun: float | None = None) -> None:
        """A call succeeded. Without `begun` it always counts."""
        if begun is not None and begun <= max(self._backed_off_at, self._recovered_at):
            return
        if self.rpm < self.max_rpm:
            self._refill()
            self.rpm = min(self.rpm * RECOVERY, self.max_rpm)
            self._recovered_at = self._clock()

    @property
    def _capacity(self) -> float:
        return max(1.0, self.rpm / 60.0)

    def _refill(self) -> None:
        now = self._clock()
        if not math.isinf(self.rpm):
            self._tokens = min(self._tokens + (now - self._filled_at) * self.rpm / 60.0, self._capacity)
        self._filled_at = now
