"""Many open desks with nothing to judge: how long a new question takes to reach one of them."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

import websockets
from websockets.asyncio.client import ClientConnection

from benchmarks.queue_load.http import Connection
from benchmarks.queue_load.stage import Stage

PATIENCE = 10.0


@dataclass
class Heard:
    """Seconds from the commit to the word on each socket, and to the first claim that got the question."""

    heard: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    missed: int = 0


def sockets(at: Stage, tokens: list[str], events: int) -> Heard:
    return asyncio.run(_follow(at, tokens, events))


async def _follow(at: Stage, tokens: list[str], events: int) -> Heard:
    told = Heard()
    cookies = await asyncio.to_thread(at.rows, "sessions", count=len(tokens))
    connections = [Connection(at.port, token) for token in tokens]
    open_ones = await asyncio.gather(*(_connect(at.port, cookie) for cookie in cookies))
    try:
        for number in range(events):
            listening = [
                asyncio.create_task(_desk(socket, connection))
                for socket, connection in zip(open_ones, connections, strict=True)
            ]
            moment = await asyncio.to_thread(at.rows, "enqueue", number=number)
            found = await asyncio.gather(*listening)
            told.heard += [heard - moment for heard, _ in found if heard]
            held = [held - moment for _, held in found if held]
            told.held += held
            told.missed += not held
    finally:
        await asyncio.gather(*(socket.close() for socket in open_ones))
        for connection in connections:
            connection.close()
    return told


async def _connect(port: int, cookie: str) -> ClientConnection:
    socket = await websockets.connect(
        f"ws://127.0.0.1:{port}/ws/queue/",
        additional_headers={"Cookie": f"sessionid={cookie}"},
        origin=websockets.Origin(f"http://127.0.0.1:{port}"),
    )
    await socket.recv()
    return socket


async def _desk(socket: ClientConnection, connection: Connection) -> tuple[float | None, float | None]:
    """When the word came, and when this desk held the question, if it was the one; it then skips it."""
    try:
        await asyncio.wait_for(socket.recv(), PATIENCE)
    except TimeoutError:
        return None, None
    heard = time.time()
    await asyncio.sleep(random.uniform(0, SPREAD))
    status, claim = await connection.post("/api/v1/feedback/claim")
    if status != 200:
        return heard, None
    held = time.time()
    asked = claim["request"]["id"]
    body = {"fence": claim["fence"], "client_key": f"{asked}", "body": {"score": 5}, "seconds": 1}
    await connection.post(f"/api/v1/feedback/requests/{asked}/answer", body)
    return heard, held


SPREAD = 0.0
