"""The least HTTP/1.1 that a load generator needs, over one connection that is kept. It must cost less than the server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

HEAD_ENDS = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


@dataclass(frozen=True)
class Reply:
    """`head` is the header block as it came."""

    status: int
    head: bytes
    body: bytes
    seconds: float

    def header(self, name: str) -> str:
        """Its value; empty where there is none. `name` in lower case."""
        for line in self.head.split(b"\r\n")[1:]:
            given, _, value = line.partition(b":")
            if given.strip().lower() == name.encode():
                return value.strip().decode("latin-1")
        return ""


class Connection(asyncio.Protocol):
    """One annotator's connection. `headers` go with every request, each with its line's end."""

    def __init__(self, port: int, headers: str) -> None:
        self._port = port
        self._headers = f"Host: 127.0.0.1:{port}\r\n{headers}".encode()
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._reply: asyncio.Future[tuple[bytes, bytes]] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", headers: str = "") -> Reply:
        """A connection that breaks is opened again, once."""
        request = f"{method} {path} HTTP/1.1\r\n".encode() + self._headers + headers.encode()
        if body or method != "GET":
            request += f"Content-Length: {len(body)}\r\n".encode()
        started = time.perf_counter()
        try:
            head, content = await self._send(request + b"\r\n" + body)
        except ConnectionError:
            head, content = await self._send(request + b"\r\n" + body)
        return Reply(int(head[9:12]), head, content, time.perf_counter() - started)

    async def _send(self, request: bytes) -> tuple[bytes, bytes]:
        loop = asyncio.get_running_loop()
        if self._transport is None:
            self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        self._received.clear()
        self._reply = loop.create_future()
        self._transport.write(request)
        return await self._reply

    def data_received(self, data: bytes) -> None:
        self._received += data
        ends = self._received.find(HEAD_ENDS)
        if ends < 0 or self._reply is None or self._reply.done():
            return
        head, begins = bytes(self._received[:ends]), ends + len(HEAD_ENDS)
        length = _length(head)
        if len(self._received) >= begins + length:
            self._reply.set_result((head, bytes(self._received[begins : begins + length])))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(ConnectionError("The server has closed the connection."))

    def close(self) -> None:
        if self._transport:
            self._transport.close()


def _length(head: bytes) -> int:
    """Every reply of the product says it, but for those that have no body."""
    begins = head.lower().find(LENGTH)
    if begins < 0:
        return 0
    begins += len(LENGTH)
    ends = head.find(b"\r", begins)
    return int(head[begins : ends if ends > 0 else len(head)])
