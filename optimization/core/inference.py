"""LLMInference: the leaf that asks a model."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from optimization.core.bounds import Positive, Temperature, Text, held
from optimization.core.calls import complete, complete_structured
from optimization.core.module import Module
from optimization.core.parameter import Parameter
from optimization.core.structured import check_schema
from optimization.core.values import Value, ValueKind, as_text
from optimization.llm.messages import Completion, CompletionRequest, Message
from optimization.llm.scope import current_scope


class LLMInference(Module):
    """Asks the model behind `alias`.

    A `system_prompt` given as a Parameter learns; given as text it is fixed. `response_format`, a JSON schema or
    a pydantic class, makes the output STRUCTURED; a reply that does not fit is asked for once more, then it is
    a ReplyError. Without it the output is a RESPONSE, whose payload is the model's text.
    """

    system_prompt: Parameter | None

    def __init__(
        self,
        alias: Text,
        system_prompt: str | Parameter | None = None,
        *,
        temperature: Temperature | None = None,
        max_tokens: Positive | None = None,
        response_format: dict[str, Any] | type[BaseModel] | None = None,
    ) -> None:
        if isinstance(system_prompt, str):
            system_prompt = Parameter(system_prompt, "A fixed system prompt.", requires_grad=False)
        elif not isinstance(system_prompt, Parameter | None):
            raise TypeError(
                f"The system_prompt of an LLMInference is a text or a Parameter, not {type(system_prompt).__name__}."
            )
        self.alias = held(Text, alias, "The alias of an LLMInference")
        self.system_prompt = system_prompt
        self.temperature = held(Temperature | None, temperature, "The temperature of an LLMInference")
        self.max_tokens = held(Positive | None, max_tokens, "The max_tokens of an LLMInference")
        self.response_format = response_format
        self.schema = _schema(response_format)

    async def forward(self, prompt: Any) -> Value:
        request = self.request(prompt)
        if self.schema is None:
            completion = await complete(self.resources, self.alias, request)
            return Value(ValueKind.RESPONSE, completion.text, meta=_meta(self.alias, completion))
        asker = self._in_words()
        data, completion = await complete_structured(self.resources, self.alias, request, self._read, asker)
        return Value(ValueKind.STRUCTURED, data, meta=_meta(self.alias, completion))

    def request(self, prompt: Any) -> CompletionRequest:
        """What is asked for a prompt."""
        messages = [Message(role="user", content=as_text(prompt))]
        if self.system_prompt is not None:
            messages.insert(0, Message(role="system", content=self.system_prompt.value))
        return CompletionRequest(
            messages=tuple(messages),
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            response_schema=self.schema,
            sample=current_scope().sample,
        )

    def _read(self, data: Any) -> Any:
        if isinstance(self.response_format, type):
            return self.response_format.model_validate(data).model_dump(mode="json")
        return data

    def __repr__(self) -> str:
        prompt = json.dumps(self.system_prompt.value[:40]) if self.system_prompt is not None else None
        return f"LLMInference({self.alias!r}, system_prompt={prompt})"


def _schema(response_format: dict[str, Any] | type[BaseModel] | None) -> dict[str, Any] | None:
    if response_format is None:
        return None
    if isinstance(response_format, type) and issubclass(response_format, BaseModel):
        return response_format.model_json_schema()
    if not isinstance(response_format, dict):
        raise TypeError(
            f"response_format is a JSON schema as a dict, or a pydantic class, not {response_format!r}."
        )
    check_schema(response_format, "The response_format of an LLMInference")
    return response_format


def _meta(alias: str, completion: Completion) -> dict[str, Any]:
    return {
        "alias": alias,
        "model": completion.model,
        "usage": completion.usage.model_dump(),
        "finish_reason": completion.finish_reason,
    }
