"""The rehearsal endpoint: an OpenAI-compatible HTTP server whose model is a rehearsal, not a language model."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from optimization.rehearsal import MODEL, NOTICE
from optimization.rehearsal.faults import Fault, FaultPlan, FaultPlanError
from optimization.rehearsal.misbehaviour import faulty_response
from optimization.rehearsal.player import play
from optimization.rehearsal.wire import ChatRequest, Reply, error_body

FAULT_HEADER = "x-rehearsal-faults"
SAMPLE_HEADER = "x-sample"
_START_SECONDS = 10.0


@dataclass(frozen=True)
class Options:
    """`latency` (seconds) is spent on each call, `concurrency` calls are served at once (None: all), `key` is asked
    for if given, `faults` is a plan (see `faults`) for all calls."""

    latency: float = 0.0
    concurrency: int | None = None
    key: str = ""
    faults: str = ""


class RehearsalEndpoint:
    """The routes. A request's `X-Rehearsal-Faults` header is a plan of its own: each of its steps happens once to the
    requests that carry the same value."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.plan = FaultPlan.parse(options.faults)
        self.plans: dict[str, FaultPlan] = {}
        self.places = (
            asyncio.Semaphore(options.concurrency) if options.concurrency else contextlib.nullcontext()
        )

    def app(self) -> Starlette:
        routes = [
            Route("/", self.notice),
            Route("/v1/models", self.models),
            Route("/v1/models/{model}", self.model),
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def notice(self, request: Request) -> Response:
        return PlainTextResponse(f"Handgrad's rehearsal endpoint: {NOTICE}.\n")

    async def models(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"object": "list", "data": [_MODEL]})

    async def model(self, request: Request) -> Response:
        known = request.path_params["model"] == MODEL
        answer = JSONResponse(_MODEL) if known else _unknown_model(request.path_params["model"])
        return self._refused(request) or answer

    async def complete(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        try:
            asked = ChatRequest.model_validate_json(await request.body())
            fault = self._fault(request)
        except ValidationError as error:
            return _malformed(error)
        except FaultPlanError as error:
            return JSONResponse(error_body(str(error), "invalid_request_error"), status_code=400)
        if asked.model != MODEL:
            return _unknown_model(asked.model)
        async with self.places:
            await asyncio.sleep(self.options.latency)
            text = (
                "Certainly! Here you go: {" if fault.kind == "garbage" else play(asked, self._sample(request))
            )
        reply = Reply(asked, text)
        if fault.kind not in {"ok", "garbage"}:
            return faulty_response(fault, reply)
        if asked.stream:
            return StreamingResponse(_streamed(reply), media_type="text/event-stream")
        return JSONResponse(reply.body())

    def _sample(self, request: Request) -> int:
        given = request.headers.get(SAMPLE_HEADER, "")
        return int(given) if given.isdecimal() else 0

    def _fault(self, request: Request) -> Fault:
        header = request.headers.get(FAULT_HEADER)
        if header is None:
            return self.plan.next()
        if header not in self.plans:
            self.plans[header] = FaultPlan.parse(header.partition(";")[0])
        return self.plans[header].next()

    def _refused(self, request: Request) -> Response | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not self.options.key or given == self.options.key:
            return None
        message = "Incorrect API key provided. Give the key that the rehearsal endpoint was started with."
        return JSONResponse(error_body(message, "invalid_request_error", "invalid_api_key"), status_code=401)


_MODEL = {"id": MODEL, "object": "model", "created": 0, "owned_by": NOTICE}


async def _streamed(reply: Reply) -> AsyncIterator[str]:
    for event in reply.events():
        yield event


def _unknown_model(model: str) -> Response:
    message = f"The model {model!r} does not exist here. The rehearsal endpoint has one: {MODEL!r}."
    return JSONResponse(
        error_body(message, "invalid_request_error", "model_not_found", "model"), status_code=404
    )


def _malformed(error: ValidationError) -> Response:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = f"{where}: {first['msg']}" if where else first["msg"]
    return JSONResponse(error_body(message, "invalid_request_error", param=where or None), status_code=400)


def serve(listener: socket.socket, options: Options) -> None:
    """Serve until a signal says stop."""
    _server(RehearsalEndpoint(options).app()).run(sockets=[listener])


@contextlib.contextmanager
def running(options: Options = Options()) -> Iterator[str]:
    """The endpoint in a thread of this process, on a free port; yields its base URL, ".../v1"."""
    with serving(RehearsalEndpoint(options).app()) as address:
        yield f"{address}/v1"


@contextlib.contextmanager
def serving(app: Starlette, port: int = 0) -> Iterator[str]:
    """An application in a thread of this process, on this machine alone; yields its address."""
    listening = socket.create_server(("127.0.0.1", port))
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("The server did not start.")
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        listening.close()


def _server(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
    )
