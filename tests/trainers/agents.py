"""A small agent and judge for the trainers' tests: the prompt's marks make the answer better, and no model is asked."""

from __future__ import annotations

from typing import Any

from optimization.core import Module, Parameter, Value, ValueKind
from optimization.optimizers import SFAOptimizer
from tests.optimizers.models import FakeModel, improving


class Writer(Module):
    """Answers an input with its prompt; raises for the input "bad"."""

    def __init__(self, prompt: str = "p") -> None:
        self.prompt = Parameter(prompt, "what to write")

    async def forward(self, text: Any) -> Value:
        if str(text) == "bad":
            raise ValueError("cannot write about bad")
        return Value(ValueKind.TEXT, f"{text}:{self.prompt.value}")


def marks(x: Any, output: str, info: Any) -> tuple[float, str]:
    """The guide: a quarter for each mark in the output, and more of them wanted."""
    score = min(output.count("!") / 4, 1.0)
    return score, "" if score == 1.0 else f"more marks for {info}"


def dataset(*inputs: str) -> dict[str, list[str]]:
    return {"inputs": list(inputs), "infos": [f"<{text}>" for text in inputs]}


def agent_and_optimizer(answer: Any = improving) -> tuple[Writer, SFAOptimizer, FakeModel]:
    agent, model = Writer(), FakeModel(answer)
    return agent, SFAOptimizer(agent.parameters()).bind(model), model
