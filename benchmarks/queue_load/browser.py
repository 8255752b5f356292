"""What an open desk does beside judging: it follows the queue's socket, and asks for the line of counts when told so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import websockets
from websockets.asyncio.client import ClientConnection

from benchmarks.queue_load.doors import Page
from benchmarks.queue_load.http import Connection

COUNT_EVERY = 5.0  # as queue.js has it


@asynccontextmanager
async def following(port: int, page: Page) -> AsyncIterator[None]:
    """The desk of `page` is open: over connections of its own, as a browser has several."""
    socket = await socket_open(port, page.cookie)
    connection = Connection(port, f"Cookie: {page.cookie}\r\nHX-Request: true\r\n")
    task = asyncio.create_task(_count_when_told(socket, connection))
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


async def _count_when_told(socket: ClientConnection, connection: Connection) -> None:
    """At most every COUNT_EVERY seconds, however often it is told."""
    told = asyncio.Event()

    async def count() -> None:
        while True:
            await told.wait()
            await asyncio.sleep(COUNT_EVERY)
            told.clear()
            await connection.ask("GET", "/judge/counts/")

    counting = asyncio.create_task(count())
    try:
        async for _ in socket:
            told.set()
    finally:
        counting.cancel()
