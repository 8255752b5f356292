"""Connections: as many as are in use at once, used again, and closed with their client."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from optimization.llm import EndpointConfig, ResourceManager
from optimization.llm.connections import Connections
from optimization.llm.errors import Unreachable
from optimization.llm.wire import make_http_client
from tests.llm.scripted import ScriptedEndpoint, fails, says
from tests.llm.test_calls import HELLO, endpoint


async def test_calls_one_after_another_share_one_connection(server: ScriptedEndpoint) -> None:
    manager = ResourceManager(endpoint(server))
    for _ in range(5):
        await manager.complete("default", HELLO)
    assert len(server.connections) == 1


async def test_there_are_as_many_connections_as_calls_at_once(server: ScriptedEndpoint) -> None:
    server.otherwise = says("hello", delay=0.1)
    manager = ResourceManager(endpoint(server, max_concurrent=4))
    await asyncio.gather(*(manager.complete("default", HELLO) for _ in range(20)))
    assert len(server.connections) == 4


async def test_a_refused_call_and_a_broken_reply_leave_their_connection_for_others(
    server: ScriptedEndpoint,
) -> None:
    manager = ResourceManager(endpoint(server, max_retries=0))
    server.then(fails(500))
    with pytest.raises(Exception, match="failed"):
        await manager.complete("default", HELLO)
    broken = says("hello")
    broken.cut = True
    server.then(broken)
    with pytest.raises(Unreachable):
        await manager.complete("default", HELLO)
    assert (await manager.complete("default", HELLO)).text == "hello"
    assert len(server.connections) <= 2


async def test_a_cancelled_call_leaves_its_place_for_others(server: ScriptedEndpoint) -> None:
    async with httpx2.AsyncClient(transport=Connections()) as client:
        server.otherwise = says("late", delay=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.post(f"{server.url}/chat/completions", json={})
        server.otherwise = says("hello")
        for _ in range(3):
            assert (await client.post(f"{server.url}/chat/completions", json={})).status_code == 200
        assert len(server.connections) <= 2


async def test_closing_closes_every_connection(server: ScriptedEndpoint) -> None:
    server.otherwise = says("hello", delay=0.2)
    manager = ResourceManager(endpoint(server))
    await asyncio.gather(*(manager.complete("default", HELLO) for _ in range(3)))
    await manager.aclose()
    assert (await manager.complete("default", HELLO)).text == "hello"
    assert len(server.connections) == 4


def test_the_environments_proxies_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    client = make_http_client(EndpointConfig("m", "http://models.example/v1"))
    assert not isinstance(client._transport, Connections)
