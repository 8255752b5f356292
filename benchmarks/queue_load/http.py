"""The least HTTP that a load generator needs: JSON over one connection that is kept. It must cost less than the server."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Connection:
    """One annotator's connection; `times` gathers the seconds of each request."""

    port: int
    token: str
    times: list[float] = field(default_factory=list)
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON body of the reply. A connection that breaks is opened again, once."""
        started = time.perf_counter()
        try:
            answer = await self._send(path, body)
        except (ConnectionError, asyncio.IncompleteReadError):
            self._streams = None
            answer = await self._send(path, body)
        self.times.append(time.perf_counter() - started)
        return answer

    async def _send(self, path: str, body: Any) -> tuple[int, Any]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        content = json.dumps(body or {}).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        reply = await _content(reader, headers)
        return int(lines[0].split()[1]), json.loads(reply) if reply else None

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()


async def _content(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readline()
    return b"".join(parts)
