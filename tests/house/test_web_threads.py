"""Between uvicorn and Django: what is small goes whole, what is large or streamed in parts, all of it on the same threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from project.web_threads import WHOLE, WebThreads


class Streamed:
    streaming = True
    closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    def close(self) -> None:
        self.closed = True


class Page(list[bytes]):
    closed = False

    def close(self) -> None:
        self.closed = True


class Application:
    """Echoes a body's length and the thread, or streams."""

    def __init__(self) -> None:
        self.gave: list[Any] = []

    def __call__(self, environ: Any, start_response: Any) -> Any:
        start_response("201 Created", [("X-Thread", threading.current_thread().name), ("X-Twice", "é")])
        length = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        self.gave.append(Streamed() if environ["PATH_INFO"] == "/stream" else Page([f"{length}".encode()]))
        return self.gave[-1]


async def answered(app: WebThreads, path: str, parts: list[bytes], leaves: bool = False) -> list[Any]:
    sent: list[Any] = []
    waiting: list[Any] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if leaves:
        waiting.append({"type": "http.disconnect"})
    else:
        waiting.append({"type": "http.request", "body": b"", "more_body": False})
    headers = [(b"content-length", str(sum(map(len, parts))).encode())]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "http_version": "1.1"}

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await app({**scope, "headers": headers}, receive, send)
    return sent


def body_of(sent: list[Any]) -> bytes:
    return b"".join(message.get("body", b"") for message in sent)


async def test_a_small_request_is_answered_in_one_piece() -> None:
    application = Application()
    sent = await answered(WebThreads(application, 1), "/", [b"x" * 10, b"y" * 5])
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (sent[0]["status"], body_of(sent)) == (201, b"15")
    assert (b"x-twice", "é".encode("latin-1")) in sent[0]["headers"]
    assert application.gave[0].closed


async def test_a_streamed_answer_goes_out_part_by_part() -> None:
    application = Application()
    sent = await answered(WebThreads(application, 1), "/stream", [])
    assert [message.get("body") for message in sent] == [None, b"one ", b"two", b""]
    assert application.gave[0].closed


@pytest.mark.parametrize("size", [WHOLE, WHOLE + 1])
async def test_a_large_body_arrives_on_the_same_threads(size: int) -> None:
    app = WebThreads(Application(), 1)
    sent = await answered(app, "/", [b"x" * size])
    assert body_of(sent) == str(size).encode()
    assert dict(sent[0]["headers"])[b"x-thread"] == b"web_0"


async def test_whoever_leaves_before_all_is_there_gets_no_answer() -> None:
    application = Application()
    assert await answered(WebThreads(application, 1), "/", [b"x"], leaves=True) == []
    assert application.gave == []
