"""Streams: told piece by piece, whatever kind of server sends them and whoever listens."""

from __future__ import annotations

import json

import pytest

from optimization.llm import (
    CompletionRequest,
    EndpointConfig,
    EndpointError,
    MemoryCache,
    Message,
    ResourceManager,
)
from optimization.llm.errors import GarbledReply
from tests.llm.scripted import Answer, ScriptedEndpoint, says, streams

HELLO = CompletionRequest(messages=(Message(role="user", content="hi"),))


class Listening(ResourceManager):
    """A manager that keeps the pieces it streams in `heard`."""

    def __init__(self, server: ScriptedEndpoint, cache: MemoryCache | None = None) -> None:
        self.heard: list[str] = []
        endpoint = EndpointConfig("the-model", server.url, max_retries=2, retry_delay=0.01)
        super().__init__(endpoint, cache=cache, on_delta=lambda alias, piece: self.heard.append(piece))


async def test_a_server_that_streams_nothing_is_told_in_one_piece(server: ScriptedEndpoint) -> None:
    server.otherwise = says("the whole of it")
    manager = Listening(server)
    completion = await manager.complete("default", HELLO)
    assert (completion.text, manager.heard) == ("the whole of it", ["the whole of it"])
    assert completion.usage.tokens == 15
    assert len(server.requests) == 1


async def test_a_page_in_place_of_a_stream_is_told_as_what_it_is(server: ScriptedEndpoint) -> None:
    server.otherwise = Answer(b"<html>welcome</html>", content_type="text/html")
    with pytest.raises(GarbledReply, match="sent text/html instead of JSON"):
        await Listening(server).complete("default", HELLO)


async def test_a_refusal_is_streamed_like_any_reply(server: ScriptedEndpoint) -> None:
    server.otherwise = streams("I will", " not")
    server.otherwise.body = server.otherwise.body.replace(b'"content"', b'"refusal"')
    manager = Listening(server)
    assert (await manager.complete("default", HELLO)).text == "I will not"
    assert manager.heard == ["I will", " not"]


async def test_a_stream_that_breaks_off_is_told_again_from_its_beginning(server: ScriptedEndpoint) -> None:
    server.then(streams("half ", finished=False), streams("half ", "a loaf"))
    manager = Listening(server)
    assert (await manager.complete("default", HELLO)).text == "half a loaf"
    assert manager.heard == ["half ", "half ", "a loaf"]


async def test_an_error_of_the_listener_is_the_listeners_and_is_not_tried_again(
    server: ScriptedEndpoint,
) -> None:
    def listen(alias: str, piece: str) -> None:
        raise ValueError("the page is closed")

    server.otherwise = streams("hello")
    endpoint = EndpointConfig("the-model", server.url, max_retries=2, retry_delay=0.01)
    with pytest.raises(ValueError, match="^the page is closed$") as caught:
        await ResourceManager(endpoint, on_delta=listen).complete("default", HELLO)
    assert not isinstance(caught.value, EndpointError)
    assert len(server.requests) == 1


async def test_a_reply_from_the_cache_is_told_whole(server: ScriptedEndpoint) -> None:
    server.otherwise = streams("a ", "loaf")
    manager = Listening(server, MemoryCache())
    for _ in range(2):
        await manager.complete("default", HELLO)
    assert manager.heard == ["a ", "loaf", "a loaf"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("counted", ["many", -5, 1.5, None])
async def test_tokens_that_a_server_counts_wrongly_are_estimated(
    server: ScriptedEndpoint, counted: object
) -> None:
    usage = {"prompt_tokens": counted, "completion_tokens": counted}
    server.otherwise = says("four letters", usage=usage)  # type: ignore[arg-type]
    for manager in (Listening(server), ResourceManager(EndpointConfig("the-model", server.url))):
        used = (await manager.complete("default", HELLO)).usage
        assert (used.prompt_tokens > 0, used.completion_tokens) == (True, 3)


@pytest.mark.parametrize("content", [7.5, ["a"], [{"type": "text", "text": "hi"}], {"text": "hi"}])
async def test_content_that_is_not_text_is_garbled_and_tried_again(
    server: ScriptedEndpoint, content: object
) -> None:
    body = json.dumps({"model": 5, "usage": [1], "choices": [{"message": {"content": content}}]}).encode()
    server.then(Answer(body), Answer(body.replace(json.dumps(content).encode(), b'"hi"')))
    endpoint = EndpointConfig("the-model", server.url, max_retries=1, retry_delay=0.01)
    completion = await ResourceManager(endpoint).complete("default", HELLO)
    assert (completion.text, completion.model) == ("hi", "the-model")
    server.then(*[Answer(body)] * 2)
    with pytest.raises(GarbledReply, match="a reply whose content is not text"):
        await ResourceManager(endpoint).complete("default", HELLO)
