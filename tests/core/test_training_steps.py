from __future__ import annotations

import asyncio
from typing import Any

import pytest

from optimization.core import (
    MemoryRegistry,
    Module,
    TrainingStep,
    Value,
    collect_tape_ids,
    unwrap,
    use_registry,
)
from tests.core.programs import Note, Remark


class Sees(Remark):
    """Keeps what a loss is given."""

    def forward(self, output: Any, target: Any = None, *, context: Any = None) -> Value:
        self.seen = (output, target, context)
        return super().forward(output, target, context=context)


class Answer(Module):
    def __init__(self) -> None:
        self.note = Note()

    def forward(self, ticket: Any, customer: Any = "nobody") -> Any:
        return self.note(ticket, customer)


async def test_the_loss_gets_the_output_the_target_and_the_programs_inputs_by_name() -> None:
    loss = Sees()
    await TrainingStep(Answer(), loss)("broken", customer="Ada", target="kind")

    assert loss.seen == ("n(broken, Ada)", "kind", {"ticket": "broken", "customer": "Ada"})


async def test_the_loss_value_carries_the_tape_in_training_mode() -> None:
    step = TrainingStep(Answer(), Remark())

    assert collect_tape_ids(await step("x")) == []
    assert len(collect_tape_ids(await step.train()("x"))) == 1


def test_a_program_whose_input_is_named_target_is_refused() -> None:
    class Named(Module):
        def forward(self, target: str) -> str:
            return target

    with pytest.raises(ValueError, match="Named has an input named target"):
        TrainingStep(Named(), Remark())


async def test_a_program_that_is_a_leaf_is_the_node_module() -> None:
    note = Note()
    loss = await TrainingStep(note, Remark()).train()("x")
    await loss.backward()

    assert unwrap(loss) == [["Too short"]]
    assert len(note.prompt.feedback) == 1


async def test_a_program_whose_output_is_a_structure_is_judged_whole() -> None:
    class Parts(Module):
        def __init__(self) -> None:
            self.a, self.b = Note("a"), Note("b")

        def forward(self, text: Any) -> Any:
            return {"a": self.a(text), "b": [self.b(text)]}

    program, loss = Parts(), Sees()
    value = await TrainingStep(program, loss).train()("x")
    await value.backward()

    assert loss.seen[0] == {"a": "a(x)", "b": ["b(x)"]}
    assert all(len(parameter.feedback) == 1 for parameter in program.parameters())


async def test_a_step_that_is_cancelled_while_it_is_judged_leaves_no_tape() -> None:
    asked = asyncio.Event()

    class Asks(Remark):
        async def forward(self, output: Any, target: Any = None, *, context: Any = None) -> Value:  # type: ignore[override]
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    program, registry = Answer(), MemoryRegistry()
    with use_registry(registry):
        judging = asyncio.create_task(TrainingStep(program, Asks()).train()("x"))
        await asked.wait()
        judging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await judging

    assert len(registry) == 0
    assert program.note.prompt.feedback == []


async def test_the_losses_of_a_batch_go_backward_side_by_side() -> None:
    """The batch of plait's page: forward with gather, backward with gather."""
    step = TrainingStep(Answer(), Remark()).train()
    losses = await asyncio.gather(*(step(text, target=text) for text in ("a", "b", "c")))
    await asyncio.gather(*(loss.backward() for loss in losses))

    heard = "\n".join(step.module.note.prompt.feedback)
    assert [heard.count(f"Output: n({text}, nobody)") for text in ("a", "b", "c")] == [1, 1, 1]
    assert collect_tape_ids(losses) == []
