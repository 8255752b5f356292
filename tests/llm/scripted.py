"""A real HTTP endpoint that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn


@dataclass
class Answer:
    """An HTTP response, after `delay` seconds; `cut` closes the connection before the body's end."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False


def says(
    text: str | None, *, usage: dict[str, int] | None = None, finish_reason: str = "stop", **more: Any
) -> Answer:
    usage = {"prompt_tokens": 10, "completion_tokens": 5} if usage is None else usage
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice]}
    return Answer(json.dumps(body | ({"usage": usage} if usage else {})).encode(), **more)


def fails(status: int, message: str = "no", code: str | None = None, **headers: str) -> Answer:
    body = json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode()
    return Answer(body, status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def streams(*pieces: str, finished: bool = True) -> Answer:
    def event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        chunk = {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "scripted",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
        }
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    body = b"".join(event({"content": piece}) for piece in pieces)
    if finished:
        usage = {"prompt_tokens": 3, "completion_tokens": len(pieces), "total_tokens": 3 + len(pieces)}
        last = {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "scripted",
            "choices": [],
        }
        body += (
            event({}, "stop")
            + b"data: "
            + json.dumps(last | {"usage": usage}).encode()
            + b"\n\ndata: [DONE]\n\n"
        )
    return Answer(body, content_type="text/event-stream")


Handler = Callable[[dict[str, Any]], Answer]


class ScriptedEndpoint:
    """Answers in the order of the script, then as `otherwise` says: an Answer, or a function of the request's JSON."""

    def __init__(self) -> None:
        self.script: deque[Answer] = deque()
        self.otherwise: Answer | Handler = says("hello")
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[tuple[str, int]] = set()
        self.at_once = self.most_at_once = 0
        self.url = ""

    def then(self, *answers: Answer) -> None:
        self.script.extend(answers)

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]
    ) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        request = json.loads(body or b"{}")
        self.requests.append(request)
        self.connections.add(tuple(scope["client"]))
        self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._answer(request, send)
        finally:
            self.at_once -= 1

    async def _answer(self, request: dict[str, Any], send: Callable[[Any], Any]) -> None:
        otherwise = self.otherwise
        answer = (
            self.script.popleft()
            if self.script
            else otherwise
            if isinstance(otherwise, Answer)
            else otherwise(request)
        )
        await asyncio.sleep(answer.delay)
        headers = {"content-type": answer.content_type, **answer.headers}
        if answer.cut:
            headers["content-length"] = str(len(answer.body) + 100)
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """The app on a free port of this machine; its base URL."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        await task
        listener.close()
