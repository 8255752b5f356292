"""The OpenAI shapes of the rehearsal endpoint: what it reads and what it answers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from optimization.rehearsal import MODEL

_TOKEN = re.compile(r"\s*(?:\w{1,5}|[^\w\s])|\s+")


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class JsonSchema(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name: str = ""
    body: dict[str, Any] = Field(default_factory=dict, alias="schema")


class ResponseFormat(BaseModel):
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    """A chat completion request; whatever else a client sends is accepted and makes no difference."""

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    response_format: ResponseFormat = ResponseFormat()
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: int = Field(1, ge=1, le=8)

    @property
    def room(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def system(self) -> str:
        return "\n".join(one.text for one in self.messages if one.role in {"system", "developer"})

    @property
    def user(self) -> str:
        return "\n".join(one.text for one in self.messages if one.role == "user")

    def reply_id(self) -> str:
        return f"chatcmpl-{hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:24]}"


def tokens_of(text: str) -> list[str]:
    """The text in pieces of about the size of a language model's tokens; joined they are the text."""
    return _TOKEN.findall(text)


class Reply:
    """A finished reply to one request, cut where `max_tokens` says, as JSON or as a stream of events.

    `created` is 0: the reply is a function of the request alone.
    """

    def __init__(self, request: ChatRequest, text: str) -> None:
        pieces = tokens_of(text)
        cut = request.room is not None and len(pieces) > request.room
        self.pieces = pieces[: request.room] if cut else pieces
        self.finish_reason = "length" if cut else "stop"
        self.request = request
        self.usage = {
            "prompt_tokens": sum(len(tokens_of(one.text)) + 4 for one in request.messages),
            "completion_tokens": len(self.pieces) * request.n,
        }
        self.usage["total_tokens"] = sum(self.usage.values())

    def body(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(self.pieces), "refusal": None}
        choice = {"message": message, "finish_reason": self.finish_reason, "logprobs": None}
        choices = [{"index": at, **choice} for at in range(self.request.n)]
        return {**self._head("chat.completion"), "choices": choices, "usage": self.usage}

    def events(self) -> Iterator[str]:
        """Server-sent events: a role, the pieces, a finish, the usage if it was asked for, [DONE]."""
        yield self._event({"role": "assistant", "content": ""})
        for piece in self.pieces:
            yield self._event({"content": piece})
        yield self._event({}, self.finish_reason)
        if self.request.stream_options and self.request.stream_options.include_usage:
            yield _data({**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage})
        yield "data: [DONE]\n\n"

    def _event(self, delta: dict[str, str], finish: str | None = None) -> str:
        choices = [{"index": at, "delta": delta, "finish_reason": finish} for at in range(self.request.n)]
        return _data({**self._head("chat.completion.chunk"), "choices": choices})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.request.reply_id(), "object": kind, "created": 0, "model": MODEL}


def _data(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"


def error_body(message: str, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code, "param": param}}
