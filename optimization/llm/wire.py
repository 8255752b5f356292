"""One request over HTTP: the body that goes out, the reply that comes in, and what spoils it.

The API is OpenAI's chat completions, which most servers speak. The reply is read from its JSON, so that a page of
HTML, cut JSON or a missing choice is told apart from a model's words.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic_core import from_json

from optimization.llm.endpoints import EndpointConfig
from optimization.llm.errors import EmptyReply, GarbledReply, KeyRefused, ServerFailed
from optimization.llm.messages import CompletionRequest
from optimization.llm.refusals import refused, shown, translate, words_of

# The number of a reply among several wanted for the same messages, for gateways that remember what they were asked.
SAMPLE_HEADER = "X-Sample"

OnPiece = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint wrote. Token counts are None where it did not say."""

    text: str
    model: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None


class Wire:
    """Requests to one endpoint in one event loop."""

    def __init__(
        self,
        where: str,
        endpoint: EndpointConfig,
        open_session: Callable[[EndpointConfig], aiohttp.ClientSession],
    ) -> None:
        if endpoint.key is None and endpoint.is_openai:
            raise KeyRefused(where, "needs an API key and has none (OPENAI_API_KEY is not set either)")
        self.where = where
        self.endpoint = endpoint
        try:
            self._session = open_session(endpoint)
        except ValueError as error:
            raise translate(error, where, endpoint) from None
        self._url = f"{endpoint.url}/chat/completions"
        self._headers = {"Content-Type": "application/json"}
        if endpoint.key is not None and not urlsplit(endpoint.url).username:
            self._headers["Authorization"] = f"Bearer {endpoint.key}"

    async def ask(self, request: CompletionRequest, on_piece: OnPiece | None = None) -> Reply:
        """The endpoint's reply, told to `on_piece` bit by bit where it is given. Raises an EndpointError.

        The timeout holds for the whole reply; for a stream, from each piece to the next.
        """
        body = request_body(self.endpoint, request)
        if on_piece is not None:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        headers = self._headers | ({SAMPLE_HEADER: str(request.sample)} if request.sample else {})
        try:
            async with (
                asyncio.timeout(self.endpoint.timeout) as limit,
                self._session.post(
                    self._url, data=json.dumps(body).encode(), headers=headers, allow_redirects=False
                ) as response,
            ):
                if response.status >= 300:
                    raise refused(
                        response.status, response.headers, await response.read(), self.where, self.endpoint
                    )
                if on_piece is not None:
                    return await self._stream(response, limit, on_piece)
                return self._read(await response.read(), response.content_type)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise translate(error, self.where, self.endpoint) from None

    async def aclose(self) -> None:
        await self._session.close()

    def _read(self, content: bytes, kind: str) -> Reply:
        try:
            data = from_json(content)
        except ValueError:
            what = (
                f"sent {kind} instead of JSON"
                if "json" not in kind
                else "sent JSON that is cut off or broken"
            )
            raise self._garbled(what, content) from None
        try:
            choice = data["choices"][0]
            text = choice["message"].get("content") or choice["message"].get("refusal")
            reply = self._reply(data, text or "", choice.get("finish_reason") or "stop")
        except (KeyError, IndexError, TypeError, AttributeError):
            raise self._garbled("sent a reply without a choice", content) from None
        return self._not_empty(reply, content)

    async def _stream(
        self, response: aiohttp.ClientResponse, limit: asyncio.Timeout, on_piece: OnPiece
    ) -> Reply:
        """The reply of a stream of events, `data: {...}` each, up to `data: [DONE]`."""
        pieces: list[str] = []
        about: dict[str, Any] = {}
        finish_reason = ""
        async for line in response.content:
            limit.reschedule(asyncio.get_running_loop().time() + self.endpoint.timeout)
            data = line.removeprefix(b"data:").strip()
            if not line.startswith(b"data:") or data == b"[DONE]":
                continue
            chunk, piece, stopped = self._chunk(data)
            about |= {name: chunk[name] for name in ("model", "usage") if chunk.get(name)}
            finish_reason = stopped or finish_reason
            if piece:
                pieces.append(piece)
                on_piece(piece)
        text = "".join(pieces)
        if not finish_reason:
            raise self._garbled("ended its stream before the reply was finished", text.encode())
        return self._not_empty(self._reply(about, text, finish_reason), text.encode())

    def _chunk(self, data: bytes) -> tuple[dict[str, Any], str, str]:
        """An event of a stream, the text that it adds, and why the reply stopped with it."""
        try:
            chunk = from_json(data)
            choice: dict[str, Any] = next(iter(chunk.get("choices") or ()), {})
            found = chunk, (choice.get("delta") or {}).get("content") or "", choice.get("finish_reason") or ""
        except (ValueError, TypeError, AttributeError):
            raise self._garbled("sent a stream with a piece that cannot be read", data) from None
        if chunk.get("error"):
            said = shown(words_of(data)[0], self.endpoint)
            raise ServerFailed(self.where, f"broke off its reply: {said}")
        return found

    def _reply(self, data: dict[str, Any], text: str, finish_reason: str) -> Reply:
        usage = data.get("usage") or {}
        return Reply(
            text=text,
            model=data.get("model") or self.endpoint.model,
            finish_reason=finish_reason,
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
        )

    def _not_empty(self, reply: Reply, raw: bytes) -> Reply:
        if not reply.text.strip():
            what = f"sent an empty reply (it stopped for the reason {reply.finish_reason!r})"
            raise EmptyReply(self.where, what, raw=shown(raw.decode(errors="replace"), self.endpoint))
        return reply

    def _garbled(self, what: str, raw: bytes) -> GarbledReply:
        begins = shown(raw.decode(errors="replace"), self.endpoint)
        return GarbledReply(self.where, f"{what}; it begins {begins[:80]!r}" if begins else what, raw=begins)


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
