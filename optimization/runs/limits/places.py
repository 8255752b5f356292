"""So many calls at once, among all workers.

1. A process holds a number of places in Redis and hands them to its own calls; a call costs no round trip.
2. While it has calls, it says every so often how many places it wants and uses. The places held are together never
   more than there are.
3. Where somebody wants more than he holds, nobody may keep more than a fair part, beyond what is in use.
4. Whoever begins asks for the part of one among all workers first, and for the rest a moment later: those who begin
   together need not wait for each other's calls.
5. A process that has said nothing for `TTL_SECONDS` is dead, and what it held is free.
"""

from __future__ import annotations

import asyncio
import math
import uuid
from collections import deque
from contextlib import suppress

from optimization.runs.limits.memory import SharedMemory

TTL_SECONDS = 5.0
CALM_SECONDS, BUSY_SECONDS = 1.0, 0.05

# The hash has, for each process, "held:wanted:until", the time in milliseconds.
HOLD = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local me, wanted, used, most, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local others, hungry, members = 0, 0, 1
local rows = redis.call('HGETALL', KEYS[1])
for i = 1, #rows, 2 do
  local held, want, till = string.match(rows[i + 1], '([^:]+):([^:]+):([^:]+)')
  if tonumber(till) < now then redis.call('HDEL', KEYS[1], rows[i])
  elseif rows[i] ~= me then
    others = others + held
    members = members + 1
    if tonumber(want) > tonumber(held) then hungry = hungry + 1 end
  end
end
if wanted == 0 then
  redis.call('HDEL', KEYS[1], me)
  return {0, members, hungry}
end
local mine = math.min(wanted, math.max(most - others, 0))
if hungry > 0 then mine = math.min(mine, math.ceil(most / members)) end
redis.call('HSET', KEYS[1], me, math.max(mine, used) .. ':' .. wanted .. ':' .. (now + ttl))
redis.call('PEXPIRE', KEYS[1], ttl)
return {mine, members, hungry}
"""


class SharedPlaces:
    """This process's part of `most` places, used as `async with places`; of one event loop."""

    def __init__(self, memory: SharedMemory, key: str, most: int) -> None:
        self.held = 0
        self.used = 0
        self._memory = memory
        self._key = key
        self._most = most
        self._me = uuid.uuid4().hex
        self._members = memory.members
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._peak = 0
        self._contended = False
        self._asked = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        if self.used < self.held and not self._waiting:
            self.used += 1
            self._peak = max(self._peak, self.used)
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._peak = max(self._peak, self.used + len(self._waiting))
        if self.held < self._most:
            self._asked.set()
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep())
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    async def release(self) -> None:
        """Give everything back at once, where no call is under way or waits."""
        if not self.used and not self._waiting and self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
            await self._give_back()

    def _leave(self) -> None:
        self.used -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self.used < self.held:
            place = self._waiting.popleft()
            if not place.done():
                self.used += 1
                place.set_result(None)

    async def _keep(self) -> None:
        """Hold what is wanted for as long as something is; then give it back, unless somebody came meanwhile."""
        while self.used or self._waiting:
            await self._hold()
            self._hand_out()
            await asyncio.sleep(BUSY_SECONDS)
            self._asked.clear()
            if not self._contended and not (self._waiting and self.held < self._most):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._asked.wait(), CALM_SECONDS)
            if not self.used and not self._waiting:
                await self._give_back()

    async def _hold(self) -> None:
        wanted = min(max(self._peak, self.used + len(self._waiting), 1), self._most)
        self._peak = 0
        if not self.held:
            wanted = min(wanted, math.ceil(self._most / self._memory.members))
        found = await self._memory.run(
            HOLD, self._key, self._me, wanted, self.used, self._most, int(TTL_SECONDS * 1000)
        )
        if found is None:
            self.held, self._contended = max(self._most // self._members, 1), False
        else:
            self.held, self._members, self._contended = int(found[0]), int(found[1]), bool(found[2])

    async def _give_back(self) -> None:
        self.held = 0
        await self._memory.run(HOLD, self._key, self._me, 0, 0, self._most, 0)
