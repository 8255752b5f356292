"""Connections to one endpoint, hundreds at once.

A pool of connections looks at every one of them for each request and again for each reply, which at 256 at once costs
more than the request itself. Here each connection has a pool of its own, and the one used last is used first.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable

import httpx2

KEEP_ALIVE_SECONDS = 60.0
_ONE = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE_SECONDS)


class Connections(httpx2.AsyncBaseTransport):
    """As many connections as are in use at once; whoever calls sees to it that there are not too many."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext = httpx2.create_ssl_context()
        self._free: list[httpx2.AsyncHTTPTransport] = []
        self._all: list[httpx2.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        connection = self._free.pop() if self._free else self._new()
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            self._free.append(connection)
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Held(response.stream, lambda: self._free.append(connection))
        return response

    async def aclose(self) -> None:
        for connection in self._all:
            await connection.aclose()

    def _new(self) -> httpx2.AsyncHTTPTransport:
        connection = httpx2.AsyncHTTPTransport(verify=self._context, limits=_ONE)
        self._all.append(connection)
        return connection


class _Held(httpx2.AsyncByteStream):
    """A reply's bytes; closed, its connection is free."""

    def __init__(self, stream: httpx2.AsyncByteStream, release: Callable[[], None]) -> None:
        self._stream = stream
        self._release: Callable[[], None] | None = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        release, self._release = self._release, None
        try:
            await self._stream.aclose()
        finally:
            if release is not None:
                release()
