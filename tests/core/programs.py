"""Modules that the tests of the core share."""

from __future__ import annotations

from typing import Any

from optimization.core import BackwardResult, LLMInference, Module, Parameter, Template, Value, ValueKind


class Reply(Module):
    """A draft, and a refinement of it that sees the ticket too."""

    def __init__(self) -> None:
        self.draft = LLMInference("default", Parameter("Draft.", "how to draft"))
        self.both = Template("{ticket} / {draft}")
        self.refine = LLMInference("default", Parameter("Refine.", "how to refine"))

    def forward(self, ticket: Any) -> Any:
        return self.refine(self.both(ticket=ticket, draft=self.draft(ticket)))


class Note(Module):
    """A leaf with a parameter, that puts its name around its inputs and keeps what came back to it."""

    def __init__(self, name: str = "n") -> None:
        self.prompt = Parameter(name, f"the note of {name}")
        self.heard: list[Value] = []

    def forward(self, *texts: Any, **named: Any) -> str:
        return f"{self.prompt.value}({', '.join(str(text) for text in [*texts, *named.values()])})"

    async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
        self.heard.append(feedback)
        return await super().backward(feedback, ctx)


class Diamond(Module):
    """One source, two that read it, one that reads both."""

    def __init__(self) -> None:
        self.source, self.left, self.right, self.sink = (Note(name) for name in ("s", "l", "r", "k"))

    def forward(self, text: Any) -> Any:
        source = self.source(text)
        return self.sink(self.left(source), right=self.right(source))


class Remark(Module):
    """A loss: always the same feedback."""

    leaf = True

    def __init__(self, payload: Any = "Too short", score: float | None = 0.25) -> None:
        self.payload = payload
        self.score = score

    def forward(self, output: Any, target: Any = None, *, context: Any = None) -> Value:
        meta = {} if self.score is None else {"score": self.score}
        payload = [[self.payload]] if isinstance(self.payload, str) else self.payload
        return Value(ValueKind.STRUCTURED, payload, meta=meta)

    async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
        return BackwardResult({"output": feedback})
