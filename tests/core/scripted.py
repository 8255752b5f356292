"""Resources for tests: a model that answers from a list, or as a function of the request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from optimization.llm import Completion, CompletionRequest, Usage
from optimization.llm.scope import Scope, current_scope

Reply = str | dict[str, Any]
Answering = Callable[[CompletionRequest], Reply]


class Model:
    """`replies` are used up in order, or computed. `calls` are (alias, request, scope), in the order they began."""

    def __init__(self, replies: list[Reply] | Answering, delay: float = 0.0) -> None:
        self.replies = replies
        self.delay = delay
        self.calls: list[tuple[str, CompletionRequest, Scope]] = []
        self.running = self.most_running = 0

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        self.calls.append((alias, request, current_scope()))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.running -= 1
        reply = self.replies(request) if callable(self.replies) else self.replies.pop(0)
        text = reply if isinstance(reply, str) else json.dumps(reply)
        usage = Usage(calls=1, prompt_tokens=10, completion_tokens=4, cost=0.001)
        return Completion(text=text, model="scripted", usage=usage)

    @property
    def scopes(self) -> list[Scope]:
        return [scope for _, _, scope in self.calls]

    @property
    def requests(self) -> list[CompletionRequest]:
        return [request for _, request, _ in self.calls]


def echo(request: CompletionRequest) -> str:
    """The last message, with the system prompt before it."""
    system = [message.content for message in request.messages if message.role == "system"]
    return " ".join([*system, request.messages[-1].content])
