"""How a model is asked to judge: one message of tagged blocks, one JSON object back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from optimization.core.calls import complete_structured
from optimization.core.values import as_text
from optimization.llm.messages import CompletionRequest, Message
from optimization.losses.module import LossModule

T = TypeVar("T")

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}


class ModelJudge(LossModule):
    """A loss whose verdict comes from the model behind `alias`."""

    def __init__(self, alias: str = "judge") -> None:
        super().__init__()
        self.alias = alias

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
        verdict, _ = await complete_structured(self.resources, self.alias, request, read)
        return verdict


def tagged(blocks: Mapping[str, Any]) -> str:
    """Each block between tags of its name; blank ones left out. No text can close its own block."""
    parts = []
    for name, content in blocks.items():
        text = as_text(content).replace(f"</{name}", f"<\\/{name}")
        if text.strip():
            parts.append(f"<{name}>\n{text}\n</{name}>")
    return "\n\n".join(parts)


def case_blocks(context: Mapping[str, Any], target: Any) -> dict[str, Any]:
    """What the output was made from, and what it should be like."""
    return {**context, "target": target}


def object_schema(**properties: Any) -> dict[str, Any]:
    """A schema of an object with exactly these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
