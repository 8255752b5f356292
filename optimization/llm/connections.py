"""Connections to one endpoint, hundreds at once: the one used last is used first.

A library's pool looks at every one of its connections for each request and again for each reply, and its parts written in
Python take longer over a reply than everything else that is done with it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from functools import partial
from weakref import WeakSet

import httpx2

from optimization.llm.connection import Connection, Origin

KEEP_ALIVE_SECONDS = 60.0
CONNECT_WITHIN = "connect_within"


class Connections(httpx2.AsyncBaseTransport):
    """As many connections as are in use at once; whoever calls sees to it that there are not too many, and how long a
    call may take. The client's timeouts are not heeded; a request's extension CONNECT_WITHIN is, in seconds."""

    def __init__(self) -> None:
        self._free: dict[Origin, deque[Connection]] = defaultdict(deque)
        self._all: WeakSet[Connection] = WeakSet()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        origin = Origin.of(request)
        connection = self._kept(origin) or await self._new(origin, request.extensions.get(CONNECT_WITHIN))
        incoming = await connection.ask(request)
        return incoming.response(release=partial(self._keep, origin, connection))

    async def aclose(self) -> None:
        for connection in list(self._all):
            connection.close()
        await asyncio.sleep(0)  # until they are

    def _kept(self, origin: Origin) -> Connection | None:
        free = self._free[origin]
        while free:
            connection = free.pop()
            if connection.is_free(KEEP_ALIVE_SECONDS):
                return connection
            connection.close()
        return None

    async def _new(self, origin: Origin, within: float | None) -> Connection:
        connection = await Connection.open(origin, within)
        self._all.add(connection)
        return connection

    def _keep(self, origin: Origin, connection: Connection) -> None:
        if connection.is_idle(KEEP_ALIVE_SECONDS):
            self._free[origin].append(connection)
        else:
            connection.close()
        self._let_go()

    def _let_go(self) -> None:
        """Close what has been idle for too long, of addresses that are not called any more too: the oldest come first."""
        for origin, free in list(self._free.items()):
            while free and not free[0].is_idle(KEEP_ALIVE_SECONDS):
                free.popleft().close()
            if not free:
                del self._free[origin]
