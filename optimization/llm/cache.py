"""Replies kept for equal requests: a notebook run again costs nothing. Sampling is never answered from here."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from pydantic_core import from_json

from optimization.llm.endpoints import EndpointConfig
from optimization.llm.messages import Completion, CompletionRequest, Usage


class CompletionCache(Protocol):
    """Where replies are kept: in memory, or wherever else a key finds them again."""

    def get(self, key: str) -> Completion | None:
        """The reply kept under this key, if there is one."""
        ...

    def put(self, key: str, completion: Completion) -> None:
        """Keep a reply under this key."""
        ...


class MemoryCache:
    """The `size` replies last used."""

    def __init__(self, size: int = 10_000) -> None:
        if not size > 0:
            raise ValueError(f"A cache keeps at least 1 reply, not {size!r}; leave it out for none.")
        self.size = size
        self._replies: OrderedDict[str, Completion] = OrderedDict()

    def get(self, key: str) -> Completion | None:
        if key not in self._replies:
            return None
        self._replies.move_to_end(key)
        return self._replies[key]

    def put(self, key: str, completion: Completion) -> None:
        """Keep a reply; given out again it has cost nothing and no calls."""
        self._replies[key] = completion.model_copy(update={"usage": Usage(), "latency": 0.0})
        if len(self._replies) > self.size:
            self._replies.popitem(last=False)


def worth_keeping(request: CompletionRequest, completion: Completion) -> bool:
    """Anything but a reply without an object where one of a schema was asked for: asked again it may come out well."""
    if request.response_schema is None:
        return True
    text = completion.text
    try:
        from_json(text[text.find("{") : text.rfind("}") + 1])
    except ValueError:
        return False
    return True


def cache_key(endpoint: EndpointConfig, request: CompletionRequest) -> str | None:
    """The key of the full request, or None if it asks for a sample: a numbered one, or a temperature above 0."""
    if request.sample or request.temperature:
        return None
    return f"{endpoint.url} {endpoint.model} {endpoint.max_tokens} {request.digest()}"
