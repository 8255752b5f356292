"""What parameters are told."""

from __future__ import annotations

from optimization.core import (
    TrainingStep,
)
from optimization.core.remarks import remarks_in
from tests.core.feedback import remarks
from tests.core.programs import Diamond, Note, Remark, Reply
from tests.core.scripted import Model, echo


async def test_a_system_prompt_is_told_the_remarks_and_what_they_were_about() -> None:
    module = Reply().bind(Model(echo))
    loss = await TrainingStep(
        module, Remark([["Say when.", "Be brief:\ntwo lines."], ["Say when."]])
    ).train()("lamp")
    await loss.backward()

    assert module.refine.system_prompt.feedback == [  # type: ignore[union-attr]
        "- Say when.\n- Be brief:\n  two lines.\nScore: 0.25\nInput: lamp / Draft. lamp\nOutput: Refine. lamp / Draft. lamp"
    ]
    assert remarks(module.draft.system_prompt) == [["Say when.", "Be brief:\ntwo lines."]]  # type: ignore[arg-type]


async def test_long_inputs_and_outputs_are_cut() -> None:
    module = Note().train()
    await (await module("word " * 1000)).backward(grad="Shorter.")

    (text,) = module.prompt.feedback
    assert len(text) < 900
    assert " … " in text


async def test_a_remark_that_came_by_two_paths_is_told_once() -> None:
    module = Diamond().train()
    await (await module("x")).backward(grad="a")

    assert module.source.heard[0].payload == [["a"], ["a"]]
    assert remarks(module.source.prompt) == [["a"]]


def test_a_text_of_another_make_is_one_remark() -> None:
    assert remarks_in("Just shorten it.\nReally.") == ["Just shorten it.\nReally."]
    assert remarks_in("") == []
