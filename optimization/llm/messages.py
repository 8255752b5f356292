"""What is asked of a model and what comes back: plain data, the same for every endpoint."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """One message of a chat."""

    model_config = ConfigDict(frozen=True)

    role: Literal["system", "user", "assistant"]
    content: str


class CompletionRequest(BaseModel):
    """A chat completion to ask for.

    `response_schema` is a JSON schema that the reply must satisfy; `schema_name` names it on the wire.
    `sample` tells apart several replies wanted for the same messages: it is part of the call's identity and
    goes out as a header, never in the body.
    """

    model_config = ConfigDict(frozen=True)

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    response_schema: dict[str, Any] | None = None
    schema_name: str = "reply"
    sample: int = 0

    def digest(self) -> str:
        """SHA-256 of the canonical request: equal requests, equal digests."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Usage(BaseModel):
    """What calls have used: a sum of calls, tokens and US dollars."""

    model_config = ConfigDict(frozen=True)

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost=self.cost + other.cost,
        )


class Completion(BaseModel):
    """A model's reply, with what it cost and how long it took (seconds)."""

    model_config = ConfigDict(frozen=True)

    text: str
    model: str
    usage: Usage = Usage(calls=1)
    latency: float = 0.0
    finish_reason: str = "stop"


class Resources(Protocol):
    """Where modules, losses and optimizers send their calls: `alias` names the endpoint."""

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        """The reply of the endpoint that `alias` means."""
        ...
