"""A reply on its way: what has come of it, and whoever waits for more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx2


class Incoming(httpx2.AsyncByteStream):
    """Filled by its connection. It is the stream of its body, for whoever does not wait until it is whole."""

    def __init__(self) -> None:
        self.status = 0
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.is_whole = False
        self._error: httpx2.TransportError | None = None
        self._news: asyncio.Future[None] | None = None
        self._release: Callable[[], None] | None = None

    def response(self, release: Callable[[], None]) -> httpx2.Response:
        """For the client; `release` is called once nothing more is read of it."""
        about = {"reason_phrase": self.reason}
        if self.is_whole:
            release()
            content = b"".join(self.pieces)
            return httpx2.Response(self.status, headers=self.headers, content=content, extensions=about)
        self._release = release
        return httpx2.Response(self.status, headers=self.headers, stream=self, extensions=about)

    async def head(self) -> None:
        """Wait until the head is in."""
        while not self.status:
            await self._more()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            pieces, self.pieces = self.pieces, []
            for piece in pieces:
                yield piece
            if self.is_whole and not self.pieces:
                return
            if not self.pieces:
                await self._more()

    async def aclose(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()

    def head_complete(self, status: int) -> None:
        """What came before a notice ("100 Continue") was its own; the reply is still to come."""
        if status >= 200:
            self.status = status
        else:
            self.headers.clear()
            self.reason = b""

    def fail(self, error: httpx2.TransportError) -> None:
        """The first error is the one that is told."""
        if not self.is_whole:
            self._error = self._error or error

    def cut_off(self, error: Exception | None) -> None:
        """The connection has ended: so does a reply that does not say how long it is."""
        if error is not None:
            self._error = self._error or httpx2.ReadError(str(error))
        elif self._error is None and self.status and not self._says_where_it_ends():
            self.is_whole = True
        elif self._error is None:
            part = "in the middle of" if self.status else "without"
            self._error = httpx2.RemoteProtocolError(f"it was closed {part} a reply")
        self.wake()

    def _says_where_it_ends(self) -> bool:
        said = {name.lower(): value.lower() for name, value in self.headers}
        return b"content-length" in said or said.get(b"transfer-encoding", b"").endswith(b"chunked")

    def wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def _more(self) -> None:
        if self._error is not None:
            raise self._error
        self._news = asyncio.get_running_loop().create_future()
        await self._news
