"""How a model is asked to judge: one message of tagged blocks, one JSON object back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from optimization.core.bounds import Text
from optimization.core.calls import complete_structured
from optimization.core.values import as_text
from optimization.llm.messages import CompletionRequest, Message
from optimization.losses.module import LossModule

T = TypeVar("T")

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}


class ModelJudge(LossModule):
    """A loss whose verdict comes from the model behind `alias`."""

    def __init__(self, alias: Text = "judge") -> None:
        super().__init__()
        self.alias = self.checked("alias", alias, Text)

    async def ask(
        self, instructions: str, blocks: Mapping[str, Any], schema: dict[str, Any], read: Callable[[Any], T]
    ) -> T:
        """The verdict as `read` gives it; ReplyError, with the raw reply, after one repair that did not help."""
        request = CompletionRequest(
            messages=(
                Message(role="system", content=instructions),
                Message(role="user", content=tagged(blocks)),
            ),
            response_schema=schema,
            schema_name="verdict",
        )
        verdict, _ = await complete_structured(self.resources, self.alias, request, read, type(self).__name__)
        return verdict


def tagged(blocks: Mapping[str, Any]) -> str:
    """Each block between tags of its name; blank ones left out. No text can close its own block."""
    parts = []
    for name, content in blocks.items():
        tag = re.sub(r"[^\w-]+", "_", name)
        text = re.sub(rf"<\s*/(?=\s*{re.escape(tag)})", r"<\\/", as_text(content), flags=re.IGNORECASE)
        if text.strip():
            parts.append(f"<{tag}>\n{text}\n</{tag}>")
    return "\n\n".join(parts)


def case_blocks(
    asked: Mapping[str, Any], context: Mapping[str, Any], judged: Mapping[str, Any]
) -> dict[str, Any]:
    """What is asked, what the outputs were made from, and what is judged.

    An input of the program never stands in for a block of the judge's: one of the same name is shown as "input_...".
    """
    taken = {*asked, *judged}
    material: dict[str, Any] = {}
    for name, content in context.items():
        while name in taken:
            name = f"input_{name}"
        material[name] = content
        taken.add(name)
    return {**asked, **material, **judged}


def object_schema(**properties: Any) -> dict[str, Any]:
    """A schema of an object with exactly these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
