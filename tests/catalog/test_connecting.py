"""A host that is given as several addresses is reached by whichever of them answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from optimization.catalog import addresses
from optimization.catalog.addresses import AddressPolicy, GuardedTransport

DEAF = "192.0.2.1"
REPLY = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(REPLY)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses to which a connection was asked for; the deaf one never says anything."""
    asked: list[str] = []
    connect = asyncio.BaseEventLoop.create_connection

    async def create_connection(loop: Any, protocol: Any, host: str, *args: Any, **options: Any) -> Any:
        asked.append(host)
        if host == DEAF:
            await asyncio.sleep(60)
        return await connect(loop, protocol, host, *args, **options)

    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", (address, 0)) for address in (DEAF, "127.0.0.1")]

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", create_connection)
    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(addresses, "NEXT_ADDRESS_SECONDS", 0.2)
    return asked


async def test_an_address_that_says_nothing_costs_a_moment_and_is_the_last_next_time(
    port: int, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = GuardedTransport(AddressPolicy(hosts=frozenset({"models.example"})))
    async with httpx2.AsyncClient(transport=transport, timeout=None) as client:
        began = time.monotonic()
        replies = [await client.get(f"http://models.example:{port}/") for _ in range(2)]
        monkeypatch.setattr(addresses, "LOOKED_UP_FOR", -1.0)
        transport._found = {key: (0.0, found) for key, (_, found) in transport._found.items()}
        replies.append(await client.get(f"http://models.example:{port}/"))
    assert [reply.text for reply in replies] == ["hello"] * 3
    assert tried == [DEAF, "127.0.0.1", "127.0.0.1", "127.0.0.1"]
    assert time.monotonic() - began < 10


async def test_where_none_answers_that_is_said(tried: list[str], unused_tcp_port: int) -> None:
    transport = GuardedTransport(AddressPolicy(hosts=frozenset({"models.example"})))
    async with httpx2.AsyncClient(transport=transport, timeout=None) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"http://models.example:{unused_tcp_port}/")
    assert tried == [DEAF, "127.0.0.1"]
