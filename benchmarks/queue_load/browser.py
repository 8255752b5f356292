"""What an open desk does beside judging: it follows the queue's socket, and asks for the line of counts when told so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import websockets
from websockets.asyncio.client import ClientConnection

from benchmarks.queue_load.doors import COUNTED_FOR, Page
from benchmarks.queue_load.http import Connection


@asynccontextmanager
async def following(port: int, page: Page) -> AsyncIterator[None]:
    """The desk of `page` is open: over connections of its own, as a browser has several."""
    socket = await socket_open(port, page.cookie)
    connection = Connection(port, f"Cookie: {page.cookie}\r\nHX-Request: true\r\n")
    task = asyncio.create_task(_count_when_told(socket, connection, page))
    try:
        yield
    finally:
        task.cancel()
        connection.close()
        await socket.close()


async def socket_open(port: int, cookie: str) -> ClientConnection:
    """A desk's socket that follows the queue."""
    socket = await websockets.connect(
        f"ws://127.0.0.1:{port}/ws/queue/",
        additional_headers={"Cookie": cookie},
        origin=websockets.Origin(f"http://127.0.0.1:{port}"),
    )
    await socket.recv()
    return socket


async def _count_when_told(socket: ClientConnection, connection: Connection, page: Page) -> None:
    """At most every COUNTED_FOR seconds, those with an answer among them, however often it is told."""
    told = asyncio.Event()

    async def count() -> None:
        while True:
            await told.wait()
            if (left := page.counted + COUNTED_FOR - time.monotonic()) > 0:
                await asyncio.sleep(left)
                continue
            told.clear()
            page.counted = time.monotonic()
            await connection.ask("GET", "/judge/counts/")

    counting = asyncio.create_task(count())
    try:
        async for _ in socket:
            told.set()
    finally:
        counting.cancel()
