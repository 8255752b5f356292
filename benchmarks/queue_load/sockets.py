"""Many open desks with nothing to judge: how long a new question takes to reach one of them."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection

from benchmarks.queue_load.browser import socket_open
from benchmarks.queue_load.doors import Page
from benchmarks.queue_load.stage import Stage

PATIENCE = 10.0


@dataclass
class Heard:
    """Seconds from the commit to the word on each socket, and to the first desk that got the question."""

    heard: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    missed: int = 0


def sockets(at: Stage, cookies: list[str], events: int) -> Heard:
    return asyncio.run(_follow(at, cookies, events))


async def _follow(at: Stage, cookies: list[str], events: int) -> Heard:
    told = Heard()
    pages = [Page(at.port, cookie) for cookie in cookies]
    open_ones = await asyncio.gather(*(socket_open(at.port, page.cookie) for page in pages))
    try:
        for number in range(events):
            got = asyncio.Event()
            listening = [
                asyncio.create_task(_desk(socket, page, got))
                for socket, page in zip(open_ones, pages, strict=True)
            ]
            moment = await asyncio.to_thread(at.rows, "enqueue", number=number)
            with suppress(TimeoutError):
                await asyncio.wait_for(got.wait(), PATIENCE)
            await asyncio.sleep(1)
            got.set()
            found = await asyncio.gather(*listening)
            words = [[at - moment for at in heard if at >= moment] for heard, _ in found]
            told.heard += [first[0] for first in words if first]
            held = [held - moment for _, held in found if held]
            told.held += held
            told.missed += not held
    finally:
        await asyncio.gather(*(socket.close() for socket in open_ones))
        for page in pages:
            page.connection.close()
    return told


async def _desk(socket: ClientConnection, page: Page, got: asyncio.Event) -> tuple[list[float], float | None]:
    """When words came until somebody got the question, and when this desk held it, if it was the one; it then answers.

    A word may also say that there is less to do: then nothing is found, and the desk listens on."""
    heard: list[float] = []
    while not got.is_set():
        try:
            await asyncio.wait_for(socket.recv(), 0.5)
        except TimeoutError:
            continue
        heard.append(time.time())
        if held := (await page.claim()).held:
            moment = time.time()
            got.set()
            await page.answer(held, score=5)
            return heard, moment
    return heard, None
