"""Whether the address answers."""

from __future__ import annotations

import asyncio
from http.client import HTTPConnection, HTTPException


async def wait_until_answers(host: str, port: int) -> None:
    """Returns once Django answers there, whatever it answers but a failure of its own."""
    while True:
        if await asyncio.to_thread(_answers, host, port):
            return
        await asyncio.sleep(0.05)


def _answers(host: str, port: int) -> bool:
    # The supervisor listens already, so the request waits until the web process takes it.
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/health/")
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
