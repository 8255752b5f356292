from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.core import LLMInference, Module, TrainingStep, collect_tape_ids, current_registry
from optimization.llm.scope import Suspended
from optimization.losses import (
    CompositeLoss,
    FeedbackAnswer,
    HumanFeedbackLoss,
    HumanRubricLoss,
    LLMRubricLoss,
    LossModule,
    RubricAnswer,
    ScriptedDesk,
    VerifierLoss,
)
from optimization.losses.composite import members_said
from optimization.losses.module import feedback_value
from tests.core.scripted import Model
from tests.losses.rubrics import LEVELS, Writer


def saying(payload: Any, score: float | None = None) -> LossModule:
    return LossModule(lambda output, target, context: feedback_value(payload, score))


async def test_the_score_is_the_weighted_mean_over_the_scored_members() -> None:
    value = await CompositeLoss([(saying("a", 1.0), 3), (saying("b", 0.2), 1), (saying("c"), 5)])("output")

    assert value.score == pytest.approx((3 * 1.0 + 1 * 0.2) / 4)


async def test_there_is_no_score_if_no_member_has_one() -> None:
    assert (await CompositeLoss([(saying("a"), 1), (saying("b"), 2)])("output")).score is None


async def test_scored_members_of_no_weight_give_no_score() -> None:
    assert (await CompositeLoss([(saying("a", 1.0), 0), (saying("b"), 2)])("output")).score is None


async def test_the_payload_is_one_weighed_line_for_each_member_that_said_something() -> None:
    value = await CompositeLoss([(saying([["a", "b"]]), 0.7), (saying([]), 1), (saying("c"), 2)])("output")

    assert value.payload == [["[Weight: 0.7] a | b"], ["[Weight: 2] c"]]


async def test_what_each_member_found_is_kept_in_meta() -> None:
    value = await CompositeLoss([(saying("a", 0.5), 0.7), (VerifierLoss("exact"), 2)])("x", "y")

    assert [(member["loss"], member["weight"], member["score"]) for member in value.meta["members"]] == [
        ("LossModule", 0.7, 0.5),
        ("VerifierLoss", 2, 0.0),
    ]


async def test_an_aggregator_model_makes_a_synthesis() -> None:
    model = Model([{"actionable_improvements": ["Do both."]}])
    value = await CompositeLoss([(saying("a", 1.0), 1), (saying("b"), 2)], aggregator="summary").bind(model)(
        "output"
    )

    assert (value.payload, value.score) == ([["Do both."]], 1.0)
    assert model.calls[0][0] == "summary"
    assert "[Weight: 2] b" in model.requests[0].messages[1].content


async def test_an_aggregator_may_be_a_module() -> None:
    model = Model(["Do both.\nSoon."])
    loss = CompositeLoss([(saying("a"), 1)], aggregator=LLMInference("summary")).bind(model)

    assert (await loss("output")).payload == [["Do both."], ["Soon."]]


async def test_an_aggregator_is_not_asked_where_nothing_was_said() -> None:
    model = Model([])
    assert (
        await CompositeLoss([(saying([], 1.0), 1)], aggregator="summary").bind(model)("output")
    ).payload == []


@pytest.mark.parametrize(
    ("reply", "payload"),
    [
        (["Do both.", "Soon."], [["Do both."], ["Soon."]]),
        ({"actionable_improvements": ["Do both."]}, [["Do both."]]),
        ({"other": 1}, []),
        (None, []),
    ],
)
async def test_an_aggregator_module_may_give_text_a_list_or_an_object(reply: Any, payload: Any) -> None:
    class Aggregator(Module):
        def forward(self, prompt: str) -> Any:
            return reply

    assert (await CompositeLoss([(saying("a"), 1)], aggregator=Aggregator())("output")).payload == payload


async def test_composites_nest() -> None:
    inner = CompositeLoss([(saying("a", 1.0), 1), (saying("b", 0.0), 3)])
    value = await CompositeLoss([(inner, 1), (saying("c", 0.75), 1)])("output")

    assert value.score == 0.5
    assert value.payload == [["[Weight: 1] [Weight: 1] a | [Weight: 3] b"], ["[Weight: 1] c"]]
    assert [member["score"] for member in value.meta["members"][0]["members"]] == [1.0, 0.0]


async def test_a_member_that_fails_fails_the_composite_and_is_named_and_the_others_are_cancelled() -> None:
    cancelled = asyncio.Event()

    async def waits(output: Any, target: Any, context: Any) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ""

    def fails(output: Any, target: Any, context: Any) -> str:
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken") as caught:
        await CompositeLoss([(LossModule(waits), 1), (LossModule(fails), 1)])("output")
    assert caught.value.__notes__[0] == "in node 'CompositeLoss.1.LossModule' (LossModule)"
    assert cancelled.is_set()


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ([saying("a")], r"takes pairs, \[\(loss, weight\), ...\]; member 0 is LossModule"),
        ((saying("a"), 1), "takes pairs"),
        (
            [(saying("a"), 1), (len, 1)],
            r"Member 1 of a CompositeLoss is no loss but .*LossModule\(function\)",
        ),
    ],
)
def test_members_are_pairs_of_a_loss_and_a_weight(losses: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        CompositeLoss(losses)


@pytest.mark.parametrize("losses", [[], [(saying("a"), 0)]])
def test_a_composite_needs_a_member_with_weight(losses: Any) -> None:
    with pytest.raises(ValueError, match="one loss or more with a weight above 0"):
        CompositeLoss(losses)


def test_a_weight_is_not_negative() -> None:
    for weight in (-1, float("nan"), float("inf"), "1"):
        with pytest.raises(ValueError, match=f"LossModule has {weight!r}"):
            CompositeLoss([(saying("a"), 1), (saying("b"), weight)])  # type: ignore[list-item]


@given(st.lists(st.tuples(st.none() | st.floats(0, 1), st.floats(0.01, 10)), min_size=1, max_size=6))
async def test_any_composite_score_lies_between_those_of_its_members(
    members: list[tuple[float | None, float]],
) -> None:
    value = await CompositeLoss([(saying("a", score), weight) for score, weight in members])("output")
    scores = [score for score, _ in members if score is not None]

    if scores:
        assert min(scores) - 1e-9 <= value.score <= max(scores) + 1e-9  # type: ignore[operator]
    else:
        assert value.score is None


async def test_each_members_call_has_a_key_of_its_own_and_is_counted_at_the_loss() -> None:
    reply = {"score": 3, "justification": "j", "actionable_improvements": ["a"]}
    model = Model(lambda request: reply)
    loss = CompositeLoss([(LLMRubricLoss("one?", LEVELS), 1), (LLMRubricLoss("two?", LEVELS), 1)])
    step = TrainingStep(Writer(), loss).train().bind(model)
    value = await step("x")
    record = current_registry().load(collect_tape_ids(value)[0])

    assert len({scope.key() for scope in model.scopes}) == 2
    assert all(scope.node.startswith("loss.") for scope in model.scopes)
    assert record.usage["loss"].calls == 2
    assert collect_tape_ids(value) == [record.id]


async def test_people_of_several_members_are_all_asked_before_it_waits() -> None:
    class Queue:
        def __init__(self) -> None:
            self.asked: list[str] = []

        async def ask(self, question: Any) -> list[Any]:
            self.asked.append(question.kind)
            raise Suspended(question.kind)

    queue = Queue()
    loss = CompositeLoss([(HumanRubricLoss("a", LEVELS, desk=queue), 1), (HumanFeedbackLoss(desk=queue), 1)])

    with pytest.raises(Suspended):
        await loss("output")
    assert queue.asked == ["rubric", "feedback"]


async def test_a_composite_goes_back_to_the_program_as_one_loss() -> None:
    module = Writer()
    desk = ScriptedDesk([RubricAnswer(2, ["Greet."]), FeedbackAnswer(["Sign."])])
    loss = CompositeLoss([(HumanRubricLoss("a", LEVELS, desk=desk), 1), (HumanFeedbackLoss(desk=desk), 0.5)])
    await (await TrainingStep(module, loss).train()("Ada")).backward()

    assert module.prompt.feedback == [
        "- [Weight: 1] Greet.\n- [Weight: 0.5] Sign.\nScore: 0.25\nInput: Ada\nOutput: Dear Ada"
    ]


def test_what_was_weighed_is_told_remark_by_remark() -> None:
    assert members_said("[Weight: 0.5] It is cold. | It names no date.") == [
        "It is cold.",
        "It names no date.",
    ]
    assert members_said("It asks: tea | coffee?") == ["It asks: tea | coffee?"]
