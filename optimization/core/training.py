"""TrainingStep: a program and its loss as one traced pass."""

from __future__ import annotations

from typing import Any

from optimization.core.module import Module
from optimization.core.trace import current_tracer


class TrainingStep(Module):
    """`await step(*inputs, target=None, **named_inputs)` runs the program, judges it, and gives the loss.

    The loss gets the program's inputs by name as `context`. Parameters keep the names that they have in the
    program, which is the child `module`; the loss is the child `loss`.
    """

    names_children = False

    module: Module
    loss: Module

    def __init__(self, module: Module, loss: Module) -> None:
        for part, given in (("module", module), ("loss", loss)):
            if not isinstance(given, Module):
                raise TypeError(
                    f"The {part} of a TrainingStep is a Module, not {given!r}. A function of (output, target, context) "
                    "becomes a loss as LossModule(function)."
                )
        if "target" in module.required_inputs():
            raise ValueError(
                f"{type(module).__name__} has an input named target, which is what a training step calls the target "
                "that the loss gets. Give the input another name."
            )
        self.module = module
        self.loss = loss

    def forward(self, /, *inputs: Any, target: Any = None, **named_inputs: Any) -> Any:
        output = self.module(*inputs, **named_inputs)
        tracer = current_tracer()
        if tracer is not None:
            tracer.graph.program_output = tracer.hold(output, [])
        context = dict(zip(self.positional_names(len(inputs)), inputs, strict=True)) | named_inputs
        return self.loss(output, target=target, context=context)

    def positional_names(self, count: int) -> list[str]:
        return self.module.positional_names(count)

    def required_inputs(self) -> list[str]:
        return self.module.required_inputs()
