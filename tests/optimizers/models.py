"""A model that a test writes: Resources answered by a function, every request remembered with its place in the run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from optimization.core import Module, Parameter, Template, Value, ValueKind
from optimization.llm import Completion, CompletionRequest, Usage
from optimization.llm.scope import Scope, current_scope


@dataclass
class Asked:
    alias: str
    scope: Scope
    request: CompletionRequest

    @property
    def user(self) -> str:
        return self.request.messages[-1].content

    def block(self, label: str) -> str:
        """What stands in a labelled block of the request; "" where there is none."""
        text = "\n".join(message.content for message in self.request.messages if message.role == "user")
        return text.partition(f"<{label}>\n")[2].partition(f"\n</{label}>")[0]


@dataclass
class FakeModel:
    """Answers each call with what `answer(asked)` gives: a dict as JSON, a text as it is."""

    answer: Callable[[Asked], Any]
    asked: list[Asked] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        asked = Asked(alias, current_scope(), request)
        self.asked.append(asked)
        await asyncio.sleep(0)
        reply = self.answer(asked)
        self.usage += Usage(calls=1)
        return Completion(text=reply if isinstance(reply, str) else json.dumps(reply), model="fake")

    def update_usage(self, usage: dict[str, Any]) -> None:
        self.usage += Usage(**usage)

    def of(self, phase: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.scope.phase == phase]


def improving(asked: Asked) -> Any:
    """An updater and aggregator that always have something to say: the value grows by a mark."""
    if asked.request.schema_name == "feedback_summary":
        return {"summary": [f"{asked.block('feedback').count('- ')} points"]}
    if asked.request.schema_name == "constraint_check":
        return {"kept": True, "problem": ""}
    return {"value": asked.block("current_value") + "!", "reason": "because"}


class Step(Module):
    """A leaf with one prompt, that answers with its inputs and its prompt."""

    def __init__(self, prompt: str, description: str = "what to write") -> None:
        self.prompt = Parameter(prompt, description)

    async def forward(self, *inputs: Any) -> Value:
        return Value(ValueKind.TEXT, "+".join([*map(str, inputs), self.prompt.value]))


class Chain(Module):
    def __init__(self, length: int = 3) -> None:
        self.count = length
        for i in range(length):
            setattr(self, f"step{i}", Step(f"p{i}"))

    def forward(self, text: Any) -> Any:
        for i in range(self.count):
            text = getattr(self, f"step{i}")(text)
        return text


class Diamond(Module):
    """first -> left, right -> last; between right and last a Template, which has no parameter."""

    def __init__(self) -> None:
        self.first, self.left, self.right, self.last = Step("f"), Step("l"), Step("r"), Step("e")
        self.between = Template("<{text}>")

    def forward(self, text: Any) -> Any:
        first = self.first(text)
        return self.last(self.left(first), self.between(text=self.right(first)))


async def judged(module: Module, *remarks: str, score: float = 0.5, text: str = "hello") -> None:
    """One recorded pass, with feedback carried back."""
    module.train()
    output = await module(text)
    await output.backward(grad=Value(ValueKind.STRUCTURED, [list(remarks)], meta={"score": score}))
