"""The active optimizer gets the records, and answers modules that reason."""

from __future__ import annotations

from typing import Any

import pytest

from optimization.core import (
    BackwardResult,
    Module,
    ModuleList,
    TrainingStep,
    Value,
    ValueKind,
    activate,
    activated,
    active_optimizer,
    collect_tape_ids,
)
from tests.core.feedback import Collector
from tests.core.programs import Note, Remark
from tests.core.scripted import Model, echo


async def test_the_active_optimizer_captures_every_record() -> None:
    optimizer = Collector()
    step = TrainingStep(Note(), Remark()).train()
    losses = [await step("x"), await step("y")]
    ids = collect_tape_ids(losses)
    with activated(optimizer):
        await Value.backward(losses)

    assert [record.id for record in optimizer.records] == ids


async def test_the_last_one_activated_is_active_until_it_is_gone_and_a_scope_overrides_it() -> None:
    first, second, scoped = Collector(), Collector(), Collector()
    activate(first)
    activate(second)
    assert active_optimizer() is second
    with activated(scoped):
        activate(first)
        assert active_optimizer() is scoped
    assert active_optimizer() is first
    del first
    assert active_optimizer() is None


class Reasons(Note):
    async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
        return BackwardResult(
            parameter_feedback={"prompt": await ctx.reason("Why?") + await ctx.reason("And?")}
        )


async def test_ctx_reason_asks_the_optimizers_reasoning_model() -> None:
    async def reasoning_model(prompt: str) -> Value:
        return Value(ValueKind.RESPONSE, f"Because {prompt}")

    module = Reasons().train()
    output = await module("x")
    with activated(Collector(reasoning_model)):
        await output.backward(grad="a")

    assert module.prompt.feedback == ["Because Why?Because And?"]


async def test_each_reasoning_call_has_a_key_of_its_own() -> None:
    from optimization.core import LLMInference

    class Both(Module):
        def __init__(self) -> None:
            self.notes = ModuleList([Reasons("a"), Reasons("b")])

        def forward(self, text: Any) -> Any:
            return [note(text) for note in self.notes]

    model = Model(echo)
    outputs = await Both().train()("x")
    with activated(Collector(LLMInference("optimizer/reasoning").bind(model))):
        await Value.backward(outputs, grad="a")

    assert len({scope.key() for scope in model.scopes}) == 4


async def test_ctx_reason_without_a_reasoning_model_is_a_runtime_error() -> None:
    output = await Reasons().train()("x")

    with pytest.raises(RuntimeError, match="reasoning_model="):
        await output.backward(grad="a")
