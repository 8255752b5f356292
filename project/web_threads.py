"""Django behind WSGI threads: a request is read whole, a thread answers it, and the answer goes out in one piece.

a2wsgi hands each part of a request and of an answer from loop to thread or back by itself; with pages that are small that
costs more than all else between socket and Django. So it keeps what is large: long bodies. A streamed answer goes out
part by part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from typing import Any

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi import build_environ

WHOLE = 1_000_000
"""Bytes of a body that are held in memory."""

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class WebThreads:
    """`application` (WSGI) on so many threads, which live as long as the process; an ASGI application."""

    def __init__(self, application: Any, threads: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web")
        self._large: Any = WSGIMiddleware(application)
        self._large.executor = self._threads

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if not _is_small(scope):
            await self._large(scope, receive, send)
            return
        body = await _whole_body(receive)
        if body is None:
            return
        environ: Any = build_environ(scope, body)  # type: ignore[arg-type]
        loop = asyncio.get_running_loop()
        rest: asyncio.Future[list[Message]] = loop.create_future()

        def put(message: Message) -> None:
            asyncio.run_coroutine_threadsafe(_sent(send, message), loop).result()

        # One hop back to the loop; `run_in_executor` chains two futures for it, which costs as much as a middleware.
        self._threads.submit(self._answer_into, rest, environ, put)
        for message in await rest:
            await send(message)

    def _answer_into(
        self, rest: asyncio.Future[list[Message]], environ: Any, put: Callable[[Message], None]
    ) -> None:
        outcome: list[Message] | Exception
        try:
            outcome = self._answer(environ, put)
        except Exception as error:
            outcome = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            rest.get_loop().call_soon_threadsafe(_settle, rest, outcome)

    def _answer(self, environ: Any, put: Callable[[Message], None]) -> list[Message]:
        """What is left to be sent; of a streamed answer the parts are sent from here."""
        begun: list[Message] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            begun.append({"type": "http.response.start", "status": int(status[:3]), "headers": lines})

        response = self._application(environ, start_response)
        try:
            if not getattr(response, "streaming", False):
                return [begun[-1], {"type": "http.response.body", "body": b"".join(response)}]
            put(begun[-1])
            for part in response:
                put({"type": "http.response.body", "body": part, "more_body": True})
            return [{"type": "http.response.body", "body": b""}]
        finally:
            response.close()


def _is_small(scope: Any) -> bool:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" not in headers and length.isdigit() and int(length) <= WHOLE


async def _whole_body(receive: Receive) -> BytesIO | None:
    """None if the other side has gone before it was all there."""
    body = BytesIO()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body.write(message.get("body", b""))
        if not message.get("more_body"):
            body.seek(0)
            return body


def _settle(rest: asyncio.Future[list[Message]], outcome: list[Message] | Exception) -> None:
    """Unless nobody waits any more."""
    if rest.done():
        return
    if isinstance(outcome, Exception):
        rest.set_exception(outcome)
    else:
        rest.set_result(outcome)


async def _sent(send: Send, message: Message) -> None:
    await send(message)
