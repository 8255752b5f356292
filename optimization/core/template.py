"""Template: the leaf that fills `{name}` slots, the way text is put together inside a traced program."""

from __future__ import annotations

from typing import Any

from optimization.core.constraints import PLACEHOLDER, placeholders
from optimization.core.module import Module
from optimization.core.parameter import Parameter
from optimization.core.values import Value, ValueKind, as_text


class Template(Module):
    """Fills a text's `{name}` slots with its inputs of those names; `{{` and `}}` are plain braces.

    The text may be a Parameter, and then it learns. Any other brace stays as it is, so JSON may stand in it.
    Backward hands the feedback to every input.
    """

    def __init__(self, text: str | Value | Parameter) -> None:
        self.text = text if isinstance(text, Parameter) else str(text)

    @property
    def fstring(self) -> Value:
        """The text, not yet filled."""
        return Value(ValueKind.FSTRING, str(self.text))

    @property
    def slots(self) -> list[str]:
        """The names that it needs."""
        return placeholders(str(self.text))

    def required_inputs(self) -> list[str]:
        return self.slots

    def forward(self, /, **inputs: Any) -> Value:
        missing = [name for name in self.slots if name not in inputs]
        if missing:
            given = ", ".join(inputs) or "nothing"
            raise ValueError(
                f"The template needs {', '.join(missing)} and was given {given}: {str(self.text)!r}"
            )
        return Value(ValueKind.TEXT, fill(str(self.text), inputs))


def fill(template: str, inputs: dict[str, Any]) -> str:
    """The template with its slots filled; what is filled in is never read as a template."""
    braces = {"{{": "{", "}}": "}"}
    return PLACEHOLDER.sub(lambda slot: braces.get(slot.group()) or as_text(inputs[slot.group(1)]), template)
