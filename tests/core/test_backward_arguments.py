"""What backward is given, and the life of the tapes that it goes through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from optimization.core import (
    BackwardResult,
    TrainingStep,
    Value,
    ValueKind,
    collect_tape_ids,
    current_registry,
)
from tests.core.feedback import loss_of, remarks
from tests.core.programs import Note, Remark


async def test_without_grad_a_loss_is_its_own_feedback() -> None:
    module = Note()
    loss = await TrainingStep(module, Remark("Say more.")).train()("x")
    await loss.backward()

    assert remarks(module.prompt) == [["Say more."]]


@pytest.mark.parametrize(
    ("grad", "expected"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([["a"], ["b"]], ["a", "b"]),
        (3, ["3"]),
        (loss_of("a", "b"), ["a", "b"]),
    ],
)
async def test_a_grad_of_a_value_is_one_feedback_whatever_its_shape(grad: Any, expected: list[str]) -> None:
    module = Note().train()
    await (await module("x")).backward(grad=grad)

    assert remarks(module.prompt) == [expected]


async def test_backward_of_a_container_takes_one_feedback_for_all() -> None:
    module = Note().train()
    outputs = [await module("x"), {"deep": await module("y")}]
    await Value.backward(outputs, grad="Say more.")

    assert remarks(module.prompt) == [["Say more."], ["Say more."]]


@pytest.mark.parametrize("kind", [list, tuple])
async def test_backward_of_a_container_takes_a_list_as_long_as_the_tape_ids(kind: Any) -> None:
    module = Note().train()
    outputs = [await module("x"), await module("y")]
    await Value.backward(outputs, grad=kind(["for x", loss_of("for y")]))

    assert remarks(module.prompt) == [["for x"], ["for y"]]


async def test_backward_of_a_container_takes_a_dict_keyed_by_every_tape_id() -> None:
    module = Note().train()
    outputs = [await module("x"), await module("y")]
    first, second = collect_tape_ids(outputs)
    await Value.backward(outputs, grad={second: "for y", first: "for x"})

    assert remarks(module.prompt) == [["for x"], ["for y"]]


async def test_a_list_of_another_length_is_a_value_error() -> None:
    module = Note().train()

    with pytest.raises(ValueError, match="3 entries for 2 tapes"):
        await Value.backward([await module("x"), await module("y")], grad=["a", "b", "c"])


async def test_a_dict_that_misses_a_tape_id_or_has_another_is_a_value_error() -> None:
    module = Note().train()
    outputs = [await module("x"), await module("y")]
    first, second = collect_tape_ids(outputs)

    with pytest.raises(ValueError, match=f"Missing: {second}; unknown: none"):
        await Value.backward(outputs, grad={first: "a"})
    with pytest.raises(ValueError, match="unknown: other"):
        await Value.backward(outputs, grad={first: "a", second: "b", "other": "c"})


async def test_without_a_tape_backward_is_a_runtime_error() -> None:
    for outputs in (Value(ValueKind.STRUCTURED, [["a"]]), [], ["raw"], await Note()("x")):
        with pytest.raises(RuntimeError, match="no tape is attached"):
            await Value.backward(outputs, grad="a")


async def test_a_container_of_losses_needs_no_grad() -> None:
    module = Note()
    step = TrainingStep(module, Remark("Say more.")).train()
    await Value.backward([await step("x"), await step("y")])

    assert remarks(module.prompt) == [["Say more."], ["Say more."]]


async def test_a_container_without_grad_whose_members_are_not_losses_is_a_runtime_error() -> None:
    module = Note()
    loss = await TrainingStep(module, Remark()).train()("x")

    with pytest.raises(
        RuntimeError,
        match=r"The text 'n\(x\)' of tape \w+ is no loss.*judge it with a loss first, or give.*grad=",
    ):
        await Value.backward([loss, await module.train()("x")])


async def test_an_output_that_is_no_loss_needs_a_grad() -> None:
    with pytest.raises(RuntimeError, match="is no loss, so backward has to be told"):
        await (await Note().train()("x")).backward()


async def test_arguments_are_checked_before_any_tape_is_consumed() -> None:
    module = Note().train()
    outputs = [await module("x"), await module("y")]
    for wrong in (["only one"], {"other": "a"}, None):
        with pytest.raises((ValueError, RuntimeError)):
            await Value.backward(outputs, grad=wrong)
    unknown = Value(ValueKind.TEXT, "z", meta={"_tape_ids": ["unknown"]})
    with pytest.raises(KeyError):
        await Value.backward([*outputs, unknown], grad="a")

    assert module.prompt.feedback == []
    await Value.backward(outputs, grad="a")
    assert len(module.prompt.feedback) == 2


async def test_after_backward_the_ids_are_released_and_taken_off() -> None:
    loss = await TrainingStep(Note(), Remark()).train()("x")
    (tape_id,) = collect_tape_ids(loss)
    await loss.backward()

    assert "_tape_ids" not in loss.meta
    with pytest.raises(RuntimeError, match="released by an earlier backward"):
        current_registry().load(tape_id)


async def test_a_second_backward_is_a_runtime_error() -> None:
    module = Note().train()
    output = await module("x")
    loss = loss_of("a", tape=output)
    await loss.backward()

    with pytest.raises(RuntimeError, match="no tape is attached"):
        await loss.backward()
    with pytest.raises(RuntimeError, match="released by an earlier backward"):
        await output.backward(grad="a")
    assert len(module.prompt.feedback) == 1


async def test_with_retain_graph_backward_may_run_again() -> None:
    module = Note()
    loss = await TrainingStep(module, Remark()).train()("x")
    await loss.backward(retain_graph=True)
    await loss.backward()

    assert len(module.prompt.feedback) == 2


async def test_an_unknown_id_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="Unknown tape nowhere"):
        await Value(ValueKind.STRUCTURED, [["a"]], meta={"_tape_ids": ["nowhere"]}).backward()


async def test_two_backwards_through_one_tape_at_once_are_refused() -> None:
    class Slow(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            await asyncio.sleep(0)
            return await super().backward(feedback, ctx)

    module = Slow().train()
    output = await module("x")
    outcomes = await asyncio.gather(*(output.backward(grad="a") for _ in range(2)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [type(None), RuntimeError]
    assert "right now. Await it first" in str(outcomes[1])
    assert len(module.prompt.feedback) == 1
