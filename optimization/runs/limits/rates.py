"""So many requests or tokens a minute, among all workers: the bucket of `optimization.llm.limits`, kept in Redis.

A process takes a twentieth of a second's worth at a time, so that a fast endpoint costs few round trips; what it has not
used a moment later is forgone. What calls were wrong by, 429s and successes travel with the next taking.
"""

from __future__ import annotations

import asyncio
import math
import time

from optimization.llm.limits import FLOOR_RPM, RECOVERY, RateLimiter
from optimization.runs.limits.memory import SharedMemory

AHEAD_SECONDS = 0.05
STOCK_KEEPS_SECONDS = 0.25
NEVER = -1.0

TAKE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local top, floor, growth = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local amount, ahead, wrong = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local refused_ago, wait_asked, worked_ago = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'rate', 'lowered', 'raised')
local rate = math.min(tonumber(kept[3]) or top, top)
local lowered, raised = tonumber(kept[4]) or 0, tonumber(kept[5]) or 0
local tokens = tonumber(kept[1]) or math.max(1, rate / 60)
tokens = tokens + math.max(now - (tonumber(kept[2]) or now), 0) * rate / 60 + wrong
if refused_ago >= 0 and now - refused_ago > lowered then
  local slower = rate / 2
  if wait_asked > 0 then slower = 60 / wait_asked end
  rate = math.min(math.max(slower, math.min(floor, top)), top)
  tokens = math.min(tokens, 0)
  lowered = now
end
if worked_ago >= 0 and rate < top and now - worked_ago > math.max(lowered, raised) then
  rate = math.min(rate * growth, top)
  raised = now
end
local full = math.max(1, rate / 60)
tokens = math.min(tokens, full)
local lacking = math.min(amount, full) - tokens
local wait, taken = 0, 0
if lacking > 1e-9 then wait = lacking * 60 / rate
else
  taken = math.max(amount, math.min(ahead * rate / 60, tokens))
  tokens = tokens - taken
end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now, 'rate', rate, 'lowered', lowered, 'raised', raised)
redis.call('EXPIRE', KEYS[1], 3600)
return {tostring(wait), tostring(taken), tostring(rate)}
"""


class SharedRate:
    """A `Limiter` whose bucket all workers share. While Redis is away, each process has its part of the rate."""

    def __init__(self, memory: SharedMemory, key: str, per_minute: float) -> None:
        self.rpm = self.max_rpm = per_minute
        self._memory = memory
        self._key = key
        self._alone = RateLimiter(per_minute / memory.members)
        self._turn = asyncio.Lock()
        self._stock = 0.0
        self._stocked_at = -math.inf
        self._wrong = 0.0
        self._refused: tuple[float, float] | None = None
        self._worked: float | None = None

    async def acquire(self, amount: float = 1.0) -> float:
        """Wait for one's turn; the moment at which it came, to be handed to `backoff` or `recover`."""
        async with self._turn:
            wait = await self._take(amount)
            while wait > 0:
                await asyncio.sleep(wait)
                wait = await self._take(amount)
        return time.monotonic()

    def refund(self, amount: float) -> None:
        self._wrong += amount
        self._alone.refund(amount)

    def backoff(self, retry_after: float | None = None, *, begun: float | None = None) -> None:
        self._refused = (time.monotonic() if begun is None else begun, retry_after or 0.0)
        self._stock = 0.0
        self._alone.backoff(retry_after, begun=begun)

    def recover(self, *, begun: float | None = None) -> None:
        self._alone.recover(begun=begun)
        if self.rpm < self.max_rpm:
            self._worked = time.monotonic() if begun is None else begun

    async def _take(self, amount: float) -> float:
        """Take `amount` and give 0.0 if it is there, else the seconds until it may be."""
        now = time.monotonic()
        if now - self._stocked_at > STOCK_KEEPS_SECONDS:
            self._stock = 0.0
        if amount <= self._stock:
            self._stock -= amount
            return 0.0
        found = await self._memory.run(
            TAKE,
            self._key,
            *(self.max_rpm, FLOOR_RPM, RECOVERY, amount, AHEAD_SECONDS, self._wrong),
            *((now - self._refused[0], self._refused[1]) if self._refused else (NEVER, 0.0)),
            NEVER if self._worked is None else now - self._worked,
        )
        if found is None:
            return self._alone.take(amount)
        self._wrong, self._refused, self._worked = 0.0, None, None
        wait, taken, self.rpm = map(float, found)
        if taken:
            self._stock, self._stocked_at = taken - amount, now
        return wait
