"""Annotators at work, as a process of their own: `python -m benchmarks.queue_load.annotators`, its order on stdin.

The order is JSON: port, door, keys (a cookie or a token each), seconds, pause (shortest and longest), deed, and of the
server its process and its database. It prints what it measured as one line.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.queue_load.browser import following
from benchmarks.queue_load.doors import AHEAD_AFTER, Page, Rest, Step
from benchmarks.queue_load.http import Reply
from benchmarks.queue_load.peer_door import Peer
from benchmarks.queue_load.processor import processor_time

Door = Page | Rest | Peer
Pause = tuple[float, float]
DOORS: dict[str, type[Door]] = {"page": Page, "rest": Rest, "peer": Peer}


@dataclass
class Tally:
    """Seconds of each kind of request, and of a turn, which ends with the next question in hand; answers that were taken,
    statuses that should not be, and the processor's time."""

    claims: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)
    taken: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    processor: dict[str, float] = field(default_factory=dict)

    def note(self, reply: Reply, allowed: set[int]) -> None:
        if reply.status not in allowed:
            self.wrong[str(reply.status)] = self.wrong.get(str(reply.status), 0) + 1


async def judge(door: Door, tally: Tally, until: float, pause: Pause) -> None:
    """Claim, judge, send, and go on with what the reply brings, until the time is up or nothing waits."""
    await asyncio.sleep(random.uniform(0, pause[1]))
    held = (await _claim(door, tally)).held
    while held and time.monotonic() < until:
        if pause[1]:
            thinking = random.uniform(*pause)
            await asyncio.sleep(AHEAD_AFTER)
            await door.fetch_ahead()
            await asyncio.sleep(max(0.0, thinking - AHEAD_AFTER))
        sent = time.perf_counter()
        step = await door.answer(held, score=random.choice((2, 4, 4, 5)))
        tally.answers.append(step.reply.seconds)
        tally.note(step.reply, door.taken)
        tally.taken += step.reply.status in door.taken
        held = step.held or (await _claim(door, tally)).held
        tally.turns.append(time.perf_counter() - sent)


async def abandon(door: Door, tally: Tally, until: float, pause: Pause) -> None:
    """Claim, and never come back."""
    await _claim(door, tally)


async def look(door: Door, tally: Tally, until: float, pause: Pause) -> None:
    """Claim and pass on, which leaves the queue as long as it was."""
    while time.monotonic() < until and (held := (await _claim(door, tally)).held):
        tally.note((await door.skip(held)).reply, {200})


DEEDS = {"judge": judge, "abandon": abandon, "look": look}


async def _claim(door: Door, tally: Tally) -> Step:
    step = await door.claim()
    tally.claims.append(step.reply.seconds)
    tally.note(step.reply, door.claimed)
    return step


async def work(order: dict[str, Any]) -> Tally:
    doors = [DOORS[order["door"]](order["port"], key) for key in order["keys"]]
    tally = Tally()
    deed, pause = DEEDS[order["deed"]], tuple(order["pause"])
    async with AsyncExitStack() as open_pages:
        if deed is judge:
            for door in doors:
                if isinstance(door, Page):
                    await open_pages.enter_async_context(following(order["port"], door))
        begun = time.monotonic()
        with processor_time(order["server"], order["database"]) as spent:
            await asyncio.gather(*(deed(one, tally, begun + order["seconds"], pause) for one in doors))
        tally.seconds = time.monotonic() - begun
        tally.processor = asdict(spent)
    for one in doors:
        one.connection.close()
    return tally


def percentile(times: list[float], share: float) -> float:
    """In milliseconds; 0 where nothing was measured."""
    ordered = sorted(times)
    return 1000 * next(itertools.islice(ordered, int(share * (len(ordered) - 1)), None), 0.0)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(work(json.load(sys.stdin))))))
