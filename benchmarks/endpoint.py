"""The benchmarks' endpoint: a chat completion that says the same to everybody, after a while, to so many at once.

    python -m benchmarks.endpoint --latency-ms 200 --concurrency 64

It speaks as much HTTP as a client needs and spends next to no processor time, so that what is measured is the client's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
REPLY = json.dumps(
    {
        "id": "chatcmpl-benchmark",
        "object": "chat.completion",
        "created": 0,
        "model": "benchmark",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "It left our warehouse on Monday. " * 8},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 60, "completion_tokens": 64, "total_tokens": 124},
    }
).encode()
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(REPLY),
    REPLY,
)


class Connection(asyncio.Protocol):
    """One client's connection: request after request, answered in turn."""

    def __init__(self, latency: float, places: asyncio.Semaphore) -> None:
        self.latency = latency
        self.places = places
        self.received = b""
        self.answers: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if found and (length is None or len(body) >= int(length[1])):
            self.received = b""
            task = asyncio.ensure_future(self.answer())
            self.answers.add(task)
            task.add_done_callback(self.answers.discard)

    async def answer(self) -> None:
        async with self.places:
            await asyncio.sleep(self.latency)
        self.transport.write(RESPONSE)


async def serve(latency: float, concurrency: int) -> None:
    """Serve until killed; the address is printed first."""
    places = asyncio.Semaphore(concurrency)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(latency, places), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def endpoint(latency: float, concurrency: int) -> Iterator[str]:
    """The endpoint in a process of its own; yields its base URL."""
    arguments = ["--latency-ms", str(latency * 1000), "--concurrency", str(concurrency)]
    command = [sys.executable, "-m", "benchmarks.endpoint", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--latency-ms", type=float, default=200)
    parser.add_argument("--concurrency", type=int, default=64)
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.latency_ms / 1000, given.concurrency))
