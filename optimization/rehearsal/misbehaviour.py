"""What each fault looks like on the wire."""

from __future__ import annotations

import asyncio
import json

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from optimization.rehearsal.faults import Fault
from optimization.rehearsal.wire import Reply, error_body


class Hanging(Response):
    """Says nothing for so many seconds, or until the client goes away; then closes the connection."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        try:
            await asyncio.wait_for(gone(), self.seconds)
        except TimeoutError:
            await super().__call__(scope, receive, send)


class HalfClosed(Response):
    """Promises the whole body, sends half of it and closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send(
            {"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True}
        )


def faulty_response(fault: Fault, reply: Reply) -> Response:
    stream = reply.request.stream
    body = "".join(reply.events()) if stream else json.dumps(reply.body())
    media_type = "text/event-stream" if stream else "application/json"
    match fault.kind:
        case "429":
            return _refusal(fault, 429, "Rate limit reached.", "rate_limit_exceeded")
        case "503":
            return _refusal(fault, 503, "The rehearsal endpoint is overloaded.", "server_error")
        case "500":
            return JSONResponse(error_body("The rehearsal endpoint failed.", "server_error"), status_code=500)
        case "hang":
            return Hanging(fault.seconds)
        case "half-closed":
            return HalfClosed(body, media_type=media_type)
        case "cut-json":
            return Response(body[: len(body) // 2], media_type=media_type)
        case "empty-choices":
            return JSONResponse({**reply.body(), "choices": []})
        case _:
            return HTMLResponse("<html><body><h1>Sign in</h1></body></html>")


def _refusal(fault: Fault, status: int, message: str, code: str) -> Response:
    seconds = f"{fault.seconds:g}"
    headers = {"retry-after": seconds, "retry-after-ms": str(int(fault.seconds * 1000))}
    return JSONResponse(error_body(message, code, code), status_code=status, headers=headers)
