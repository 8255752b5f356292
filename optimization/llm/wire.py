"""One request over one OpenAI client: the body that goes out, the reply that comes in, and what spoils it.

The reply is read from the raw response: it is a third of the client's own parsing in processor time, and a page of
HTML, cut JSON or a missing choice is told apart from a model's words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.request import getproxies

import httpx2
import openai
from openai._models import FinalRequestOptions
from openai.types.chat import ChatCompletionChunk
from pydantic_core import from_json, to_json

from optimization.llm.connections import Connections
from optimization.llm.endpoints import EndpointConfig
from optimization.llm.errors import EmptyReply, EndpointError, GarbledReply, KeyRefused
from optimization.llm.messages import CompletionRequest
from optimization.llm.refusals import shown, translate
from optimization.llm.texts import storable

MOST_CONNECTIONS = 1000
# The number of a reply among several wanted for the same messages, for gateways that remember what they were asked.
SAMPLE_HEADER = "X-Sample"


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint wrote. Token counts are None where it did not say."""

    text: str
    model: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None


def make_http_client(endpoint: EndpointConfig) -> httpx2.AsyncClient:
    """A client for one endpoint, which follows no redirects. The environment's proxies hold, where there are any."""
    transport = None if getproxies() else Connections()
    return openai.DefaultAsyncHttpxClient(transport=transport, timeout=None, follow_redirects=False)


class AsyncOpenAI(openai.AsyncOpenAI):
    """A client for requests that differ in their content alone: all else of them is put together once.

    Its name is what servers are told, as of the class that it is in all else.
    """

    _pattern: httpx2.Request | None = None

    def _build_request(self, options: FinalRequestOptions, *, retries_taken: int = 0) -> httpx2.Request:
        own = cast("dict[str, str]", options.headers)
        pattern = self._pattern
        if pattern is None:
            options.headers = {}
            pattern = self._pattern = super()._build_request(options, retries_taken=retries_taken)
            for name in ("Content-Length", "Cookie"):
                pattern.headers.pop(name, None)
        request = httpx2.Request(
            pattern.method,
            pattern.url,
            headers=pattern.headers,
            content=cast(bytes, options.content),
            extensions=pattern.extensions,
        )
        request.headers.update(own)
        return request


class Wire:
    """An endpoint's OpenAI client in one event loop; the client's own retries are off."""

    def __init__(self, where: str, endpoint: EndpointConfig, http_client: httpx2.AsyncClient) -> None:
        key = endpoint.key
        if key is None and endpoint.is_openai:
            raise KeyRefused(where, "needs an API key and has none (OPENAI_API_KEY is not set either)")
        self.where = where
        self.endpoint = endpoint
        self._client = AsyncOpenAI(
            api_key=key or "none-needed",
            base_url=endpoint.url,
            max_retries=0,
            timeout=None,
            http_client=http_client,
        )
        # The address whole: the client's own `base_url` loses the slash of an empty path.
        self._empty = FinalRequestOptions.construct(method="post", url=f"{endpoint.url}/chat/completions")

    async def ask(self, request: CompletionRequest, on_delta: Callable[[str], None] | None = None) -> Reply:
        """The endpoint's reply. Raises an EndpointError.

        The timeout holds for the whole reply; for a stream, from each piece to the next.
        """
        body = request_body(self.endpoint, request)
        listener = _Listener(on_delta) if on_delta is not None else None
        try:
            async with asyncio.timeout(self.endpoint.timeout) as limit:
                if listener is not None:
                    body |= {"stream": True, "stream_options": {"include_usage": True}}
                    return await self._stream(self._options(body, request), limit, listener)
                response = await self._client.request(httpx2.Response, self._options(body, request))
        except EndpointError:
            raise
        except (openai.OpenAIError, TimeoutError, ValueError, httpx2.InvalidURL) as error:
            if listener is not None and error is listener.error:
                raise
            raise translate(error, self.where, self.endpoint) from None
        return self._read(response)

    async def aclose(self) -> None:
        await self._client.close()

    def _options(self, body: dict[str, Any], request: CompletionRequest) -> FinalRequestOptions:
        """The request as the client takes it. Copied: to make one from nothing takes as long as to send it."""
        present = {"content": to_json(body), "headers": request_headers(request)}
        return self._empty.model_copy(update=present)

    def _read(self, response: httpx2.Response) -> Reply:
        try:
            data = from_json(response.content)
        except ValueError:
            kind = response.headers.get("content-type", "no content type").partition(";")[0]
            what = (
                f"sent {kind} instead of JSON"
                if "json" not in kind
                else "sent JSON that is cut off or broken"
            )
            raise self._garbled(what, response.text) from None
        try:
            choice = data["choices"][0]
            text = choice["message"].get("content") or choice["message"].get("refusal") or ""
        except (KeyError, IndexError, TypeError, AttributeError):
            raise self._garbled("sent a reply without a choice", response.text) from None
        if not isinstance(text, str):
            raise self._garbled("sent a reply whose content is not text", response.text)
        usage = data.get("usage")
        counts = usage if isinstance(usage, dict) else {}
        reply = Reply(
            text=storable(text),
            model=_text(data.get("model")) or self.endpoint.model,
            finish_reason=_text(choice.get("finish_reason")) or "stop",
            prompt_tokens=_count(counts.get("prompt_tokens")),
            completion_tokens=_count(counts.get("completion_tokens")),
        )
        return self._not_empty(reply, lambda: response.text)

    async def _stream(
        self,
        options: FinalRequestOptions,
        limit: asyncio.Timeout,
        on_delta: Callable[[str], None],
    ) -> Reply:
        pieces: list[str] = []
        model, finish_reason, usage = self.endpoint.model, "", None
        chunks = await self._client.request(
            ChatCompletionChunk, options, stream=True, stream_cls=openai.AsyncStream[ChatCompletionChunk]
        )
        async with chunks:
            if not _is_stream(chunks.response):
                return await self._unstreamed(chunks.response, on_delta)
            async for chunk in chunks:
                limit.reschedule(asyncio.get_running_loop().time() + self.endpoint.timeout)
                model, usage = chunk.model or model, chunk.usage or usage
                for choice in chunk.choices or ():
                    finish_reason = choice.finish_reason or finish_reason
                    if piece := choice.delta.content or choice.delta.refusal:
                        pieces.append(piece)
                        on_delta(piece)
        text = "".join(pieces)
        if not finish_reason:
            raise self._garbled("ended its stream before the reply was finished", text)
        reply = Reply(
            text=storable(text),
            model=model,
            finish_reason=finish_reason,
            prompt_tokens=_count(usage.prompt_tokens) if usage else None,
            completion_tokens=_count(usage.completion_tokens) if usage else None,
        )
        return self._not_empty(reply, lambda: text)

    async def _unstreamed(self, response: httpx2.Response, on_delta: Callable[[str], None]) -> Reply:
        """The whole reply of a server that streams none, told in one piece."""
        await response.aread()
        reply = self._read(response)
        on_delta(reply.text)
        return reply

    def _not_empty(self, reply: Reply, raw: Callable[[], str]) -> Reply:
        if not reply.text.strip():
            what = f"sent an empty reply (it stopped for the reason {reply.finish_reason!r})"
            raise EmptyReply(self.where, what, raw=shown(raw(), self.endpoint))
        return reply

    def _garbled(self, what: str, raw: str) -> GarbledReply:
        begins = shown(raw, self.endpoint)
        return GarbledReply(self.where, f"{what}; it begins {begins[:80]!r}" if begins else what, raw=begins)


class _Listener:
    """Whoever hears a stream; `error` is what it raised, which is no fault of the endpoint."""

    def __init__(self, on_delta: Callable[[str], None]) -> None:
        self._on_delta = on_delta
        self.error: Exception | None = None

    def __call__(self, piece: str) -> None:
        try:
            self._on_delta(piece)
        except Exception as error:
            self.error = error
            raise


def _is_stream(response: httpx2.Response) -> bool:
    """Whatever is not plainly a page or a document."""
    kind = response.headers.get("content-type", "")
    return not kind.startswith(("application/json", "text/html"))


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""


def _count(found: Any) -> int | None:
    """A number of tokens, or None for what is none."""
    return found if isinstance(found, int) and found >= 0 else None


def request_body(endpoint: EndpointConfig, request: CompletionRequest) -> dict[str, Any]:
    """The JSON that is sent. OpenAI's own address calls the limit of a reply by another name than its followers."""
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if limit := request.max_tokens or endpoint.max_tokens:
        body["max_completion_tokens" if endpoint.is_openai else "max_tokens"] = limit
    if request.response_schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": request.schema_name, "schema": request.response_schema, "strict": True},
        }
    return body


def request_headers(request: CompletionRequest) -> dict[str, str]:
    """What goes beside the body, and beside what every request has."""
    return {SAMPLE_HEADER: str(request.sample)} if request.sample else {}
