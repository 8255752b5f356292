"""Annotators at work, as a process of their own: `python -m benchmarks.queue_load.annotators`, its order on stdin.

The order is JSON: port, tokens, seconds, pause (shortest and longest), deed. It prints what it measured as one line.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.queue_load.http import Connection

Claim = dict[str, Any]


@dataclass
class Tally:
    """Seconds of each kind of request, answers that were taken, and statuses that should not be."""

    claims: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    taken: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def note(self, status: int, allowed: set[int]) -> None:
        if status not in allowed:
            self.wrong[str(status)] = self.wrong.get(str(status), 0) + 1


async def judge(connection: Connection, tally: Tally, until: float, pause: tuple[float, float]) -> None:
    """Claim, judge, send, and go on with what the reply brings, until the time is up or nothing waits."""
    await asyncio.sleep(random.uniform(0, pause[1]))
    held = await _claim(connection, tally)
    while held and time.monotonic() < until:
        if pause[1]:
            await asyncio.sleep(random.uniform(*pause))
        held = await _answer(connection, tally, held)


async def abandon(connection: Connection, tally: Tally, until: float, pause: tuple[float, float]) -> None:
    """Claim, and never come back."""
    await _claim(connection, tally)


async def look(connection: Connection, tally: Tally, until: float, pause: tuple[float, float]) -> None:
    """Claim and put off, which leaves the queue as long as it was."""
    while time.monotonic() < until and (held := await _claim(connection, tally)):
        path = f"/api/v1/feedback/requests/{held['request']['id']}/skip"
        status, _ = await connection.post(path, {"reason": "measured"})
        tally.note(status, {200})


DEEDS = {"judge": judge, "abandon": abandon, "look": look}


async def _claim(connection: Connection, tally: Tally) -> Claim | None:
    status, claim = await connection.post("/api/v1/feedback/claim")
    tally.claims.append(connection.times[-1])
    tally.note(status, {200, 204})
    return claim if status == 200 else None


async def _answer(connection: Connection, tally: Tally, held: Claim) -> Claim | None:
    asked = held["request"]["id"]
    status, reply = await connection.post(
        f"/api/v1/feedback/requests/{asked}/answer",
        {
            "fence": held["fence"],
            "client_key": f"{asked}-{held['fence']}",
            "body": {"score": 4, "improvements": ["Give a date."]},
            "seconds": 7.5,
        },
    )
    tally.answers.append(connection.times[-1])
    tally.note(status, {201})
    tally.taken += status == 201
    return reply["next"] if status == 201 else await _claim(connection, tally)


async def work(order: dict[str, Any]) -> Tally:
    connections = [Connection(order["port"], token) for token in order["tokens"]]
    tally, begun = Tally(), time.monotonic()
    deed, pause = DEEDS[order["deed"]], tuple(order["pause"])
    await asyncio.gather(*(deed(one, tally, begun + order["seconds"], pause) for one in connections))
    tally.seconds = time.monotonic() - begun
    for one in connections:
        one.close()
    return tally


def percentile(times: list[float], share: float) -> float:
    """In milliseconds; 0 where nothing was measured."""
    ordered = sorted(times)
    return 1000 * next(itertools.islice(ordered, int(share * (len(ordered) - 1)), None), 0.0)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(work(json.load(sys.stdin))))))
