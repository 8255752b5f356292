"""Modules from JSON programs."""

from __future__ import annotations

from typing import Any

from optimization.core import LLMInference, Module, Parameter, Template
from optimization.programs.spec import NodeSpec, ProgramSpec, in_order, read_program


class JsonProgram(Module):
    """The Module of a JSON program: for each node a template under "<id>:prompt" and a model call under "<id>"."""

    def __init__(self, spec: ProgramSpec) -> None:
        self.spec = spec
        self._order = in_order(spec)
        for node in spec.nodes:
            self.add_module(f"{node.id}:prompt", Template(node.prompt))
            self.add_module(node.id, _inference(node))

    def forward(self, /, *inputs: Any, **named_inputs: Any) -> Any:
        known = dict(zip(self.positional_names(len(inputs)), inputs, strict=True)) | named_inputs
        missing = [name for name in self.spec.inputs if name not in known]
        if missing:
            raise ValueError(
                f"The program needs the input {', '.join(missing)}; it was given {', '.join(known)}."
            )
        children = self.named_children()
        for node in self._order:
            template = children[f"{node.id}:prompt"]
            assert isinstance(template, Template)
            known[node.id] = children[node.id](template(**{name: known[name] for name in template.slots}))
        return known[self.spec.output]

    def positional_names(self, count: int) -> list[str]:
        if count > len(self.spec.inputs):
            raise TypeError(f"The program has {len(self.spec.inputs)} inputs and was given {count}.")
        return list(self.spec.inputs[:count])

    def required_inputs(self) -> list[str]:
        return list(self.spec.inputs)


def build_program(spec: dict[str, Any]) -> Module:
    """The Module of a JSON program; ProgramError, with JSON pointers, if it cannot be built."""
    return JsonProgram(read_program(spec))


def _inference(node: NodeSpec) -> LLMInference:
    system: Parameter | str | None = node.system_prompt
    if node.parameter is not None:
        learned = node.parameter
        system = Parameter(learned.value, learned.description, constraints=learned.constraints)
    return LLMInference(node.alias, system, temperature=node.temperature, max_tokens=node.max_tokens)
