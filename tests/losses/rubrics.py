"""What the tests of the losses share."""

from __future__ import annotations

from typing import Any

from optimization.core import Module, Parameter
from optimization.losses import RubricLevel

LEVELS = [
    RubricLevel(1, "Poor", "misses the point"),
    RubricLevel(2, "Fair"),
    RubricLevel(3, "Good", "answers"),
    RubricLevel(5, "Excellent", "answers and helps"),
]


class Writer(Module):
    """A leaf whose output is its parameter and its input."""

    def __init__(self) -> None:
        self.prompt = Parameter("Dear", "how it begins")

    def forward(self, text: Any) -> str:
        return f"{self.prompt.value} {text}"
