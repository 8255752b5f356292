"""A process's limiters and places by key, whichever run's calls they are for."""

from __future__ import annotations

import asyncio
import math

from optimization.llm.limits import Limiter, RateLimiter
from optimization.runs.limits.memory import SharedMemory
from optimization.runs.limits.places import SharedPlaces
from optimization.runs.limits.rates import SharedRate


class SharedLimits:
    """What the ResourceManagers of a process are given; used in one event loop.

    An endpoint without a limit needs nobody's memory: its 429s slow this process.
    """

    def __init__(self, url: str, members: int) -> None:
        self._memory = SharedMemory(url, members)
        self._rates: dict[tuple[str, float], SharedRate] = {}
        self._places: dict[tuple[str, int], SharedPlaces] = {}

    def limiter(self, key: str, per_minute: float) -> Limiter:
        if math.isinf(per_minute):
            return RateLimiter(per_minute)
        if (key, per_minute) not in self._rates:
            self._rates[key, per_minute] = SharedRate(self._memory, key, per_minute)
        return self._rates[key, per_minute]

    def places(self, key: str, most: int) -> SharedPlaces:
        if (key, most) not in self._places:
            self._places[key, most] = SharedPlaces(self._memory, key, most)
        return self._places[key, most]

    async def release(self) -> None:
        """Give back the places that nobody uses, so that others need not wait until they lapse."""
        await asyncio.gather(*(places.release() for places in self._places.values()))

    async def aclose(self) -> None:
        await self.release()
        await self._memory.aclose()
