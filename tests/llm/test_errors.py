"""What each fault of an endpoint is called, whether it is permanent, and that it names the way out."""

from __future__ import annotations

import socket

import pytest

from optimization.llm import (
    CompletionRequest,
    EndpointConfig,
    EndpointError,
    Message,
    ResourceConfig,
    ResourceManager,
)
from optimization.llm.errors import (
    EmptyReply,
    GarbledReply,
    KeyRefused,
    ModelUnknown,
    NoSuchEndpoint,
    QuotaSpent,
    RateLimited,
    RequestRefused,
    RequestUnfit,
    ServerFailed,
    TimedOut,
    Unreachable,
)
from optimization.llm.resources import OnDelta
from tests.llm.scripted import Answer, ScriptedEndpoint, fails, says, streams

KEY = "sk-a-very-secret-key"
HELLO = CompletionRequest(messages=(Message(role="user", content="hello"),))


def resources(url: str, on_delta: OnDelta | None = None, **settings: object) -> ResourceManager:
    settings = {"max_retries": 0, "retry_delay": 0.01, "timeout": 5, "api_key": KEY, **settings}
    return ResourceManager(
        ResourceConfig(default=EndpointConfig("the-model", url, **settings)), on_delta=on_delta
    )  # type: ignore[arg-type]


async def error_of(url: str, **settings: object) -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        await resources(url, **settings).complete("default", HELLO)
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("answer", "kind", "permanent", "words"),
    [
        (fails(401, f"Incorrect API key provided: {KEY}"), KeyRefused, True, "refused the API key (401)"),
        (fails(403), KeyRefused, True, "refused the API key (403)"),
        (fails(404, "The model does not exist"), ModelUnknown, True, "knows no such model"),
        (fails(400, "bad temperature"), RequestRefused, True, "bad temperature"),
        (fails(400, "too long", "context_length_exceeded"), RequestUnfit, False, "too long"),
        (fails(422, "what?"), RequestRefused, True, "(422): what?"),
        (fails(429), RateLimited, False, "called too often"),
        (fails(429, "pay", "insufficient_quota"), QuotaSpent, True, "quota is spent"),
        (fails(500, "oh no"), ServerFailed, False, "failed (500): oh no"),
        (Answer(b"<html>Bad gateway</html>", 502, "text/html"), ServerFailed, False, "failed (502)"),
        (fails(307, location="http://elsewhere/"), RequestRefused, True, "redirects to http://elsewhere/"),
        (Answer(b'{"choices": [{"mess'), GarbledReply, False, "JSON that is cut off"),
        (Answer(b'{"choices": []}'), GarbledReply, False, "without a choice"),
        (Answer(b"[1, 2]"), GarbledReply, False, "without a choice"),
        (
            Answer(b"<html>welcome</html>", content_type="text/html"),
            GarbledReply,
            False,
            "text/html instead of JSON",
        ),
        (says("", finish_reason="length"), EmptyReply, False, "empty reply"),
        (says(None), EmptyReply, False, "empty reply"),
    ],
)
async def test_a_fault_is_told_in_words_that_name_the_endpoint_its_address_and_the_way_out(
    server: ScriptedEndpoint, answer: Answer, kind: type[EndpointError], permanent: bool, words: str
) -> None:
    server.otherwise = answer
    error = await error_of(server.url)
    assert type(error) is kind
    assert error.permanent is permanent
    assert words in str(error)
    assert f"The endpoint 'default' (the-model at {server.url})" in str(error)
    assert str(error).endswith(kind.remedy)
    assert kind.remedy


async def test_a_refused_connection_says_where_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = await error_of(f"http://127.0.0.1:{port}/v1")
    assert type(error) is Unreachable
    assert str(port) in str(error)
    assert not error.permanent


async def test_a_connection_that_breaks_in_the_middle_of_a_reply_is_unreachable(
    server: ScriptedEndpoint,
) -> None:
    server.otherwise = Answer(b'{"choices"', cut=True)
    assert isinstance(await error_of(server.url), Unreachable)


async def test_a_reply_that_takes_too_long_is_timed_out(server: ScriptedEndpoint) -> None:
    server.otherwise = says("late", delay=0.5)
    error = await error_of(server.url, timeout=0.05)
    assert type(error) is TimedOut
    assert "within 0.05 s" in str(error)


async def test_a_stream_that_ends_before_it_is_finished_is_garbled(server: ScriptedEndpoint) -> None:
    server.otherwise = streams("half a ", "sent", finished=False)
    error = await error_of(server.url, on_delta=lambda alias, piece: None)
    assert type(error) is GarbledReply
    assert error.raw == "half a sent"


async def test_garbage_keeps_the_raw_reply(server: ScriptedEndpoint) -> None:
    server.otherwise = Answer(b"<html>welcome</html>", content_type="text/html")
    assert (await error_of(server.url)).raw == "<html>welcome</html>"


async def test_a_password_in_the_address_is_not_shown(server: ScriptedEndpoint) -> None:
    server.otherwise = fails(500)
    error = await error_of(server.url.replace("http://", "http://user:password@"))
    assert "password" not in str(error)


async def test_the_official_address_without_a_key_says_so_before_any_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(KeyRefused, match="OPENAI_API_KEY is not set"):
        await ResourceManager(EndpointConfig("gpt-4o-mini")).complete("default", HELLO)


async def test_an_alias_without_an_endpoint_names_those_that_there_are() -> None:
    manager = ResourceManager(ResourceConfig(judge=EndpointConfig("the-model", "http://127.0.0.1:1/v1")))
    with pytest.raises(NoSuchEndpoint, match=r"'writer' has no endpoint \(there are: 'judge'\)"):
        await manager.complete("writer", HELLO)


def test_the_key_is_in_no_repr() -> None:
    assert KEY not in repr(EndpointConfig("m", api_key=KEY))
    assert KEY not in repr(ResourceConfig(default=EndpointConfig("m", api_key=KEY)))
