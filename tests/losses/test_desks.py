from __future__ import annotations

import pytest

from optimization.losses import (
    Aspect,
    FeedbackAnswer,
    HumanFeedbackLoss,
    HumanPreferenceLoss,
    HumanRubricLoss,
    PreferenceAnswer,
    Question,
    RubricAnswer,
    ScriptedDesk,
    current_desk,
    use_desk,
)
from optimization.losses.questions import Mark
from tests.losses.rubrics import LEVELS


async def test_a_scripted_desk_gives_its_answers_in_order() -> None:
    desk = ScriptedDesk([RubricAnswer(1, ["a"]), [RubricAnswer(3), RubricAnswer(5)]])
    loss = HumanRubricLoss("helpful?", LEVELS, require_feedback=1, desk=desk)

    assert [(await loss("x")).score, (await loss("y")).score] == [0.0, 0.75]
    assert [question.output for question in desk.questions] == ["x", "y"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("loss", "answer", "words"),
    [
        (
            HumanRubricLoss("helpful?", LEVELS),
            RubricAnswer(5, [" "]),
            r"HumanRubricLoss requires words .* a ScriptedDesk, .*a score of 5 asks for it.*require_feedback=False",
        ),
        (
            HumanRubricLoss("helpful?", LEVELS, 2, aspects=[Aspect(name="Facts"), Aspect(name="Tone")]),
            RubricAnswer(scores={"Facts": 5, "Tone": 1}),
            "a score of 1 asks for it",
        ),
        (
            HumanPreferenceLoss("kinder?"),
            PreferenceAnswer("tie"),
            r"HumanPreferenceLoss requires words .*Say in a few words why.*require_reason=False",
        ),
    ],
    ids=["rubric", "aspects", "preference"],
)
async def test_every_desk_is_held_to_the_words_that_a_loss_requires(
    loss: HumanRubricLoss | HumanPreferenceLoss, answer: RubricAnswer | PreferenceAnswer, words: str
) -> None:
    with use_desk(ScriptedDesk([answer])), pytest.raises(ValueError, match=words):
        await loss("x", "y")


async def test_a_comment_on_words_or_an_abstention_is_enough() -> None:
    mark = Mark(quote="x", comment="warmer")
    with use_desk(ScriptedDesk([RubricAnswer(1, marks=[mark]), PreferenceAnswer("abstain")])):
        assert (await HumanRubricLoss("helpful?", LEVELS)("x")).payload == [["On “x”: warmer"]]
        assert (await HumanPreferenceLoss("kinder?")("x", "y")).score is None


async def test_a_scripted_desk_without_an_answer_left_says_which_question_it_was() -> None:
    with pytest.raises(RuntimeError, match="no answer left for question 1, a feedback question"):
        await HumanFeedbackLoss(desk=ScriptedDesk())("x")


async def test_a_loss_without_a_desk_asks_at_the_one_in_use() -> None:
    desk = ScriptedDesk([FeedbackAnswer(["a"])])
    with use_desk(desk):
        assert current_desk() is desk
        assert (await HumanFeedbackLoss()("x")).payload == [["a"]]
    assert current_desk() is None


async def test_a_desk_gives_a_list_of_answers() -> None:
    class Single:
        async def ask(self, question: Question) -> RubricAnswer:
            return RubricAnswer(3, ["a"])

    with pytest.raises(
        TypeError, match=r"desk of HumanRubricLoss, a Single, answered .*one for each annotator"
    ):
        await HumanRubricLoss("helpful?", LEVELS, desk=Single())("x")  # type: ignore[arg-type]


def test_what_is_no_desk_is_refused_where_the_loss_is_made() -> None:
    with pytest.raises(
        TypeError, match=r"desk of HumanRubricLoss has an async ask\(question\).*'the desk' has none"
    ):
        HumanRubricLoss("helpful?", LEVELS, desk="the desk")  # type: ignore[arg-type]


def test_a_script_of_one_answer_is_a_list_too() -> None:
    with pytest.raises(TypeError, match=r"list of answers; write \[...\] also around one"):
        ScriptedDesk(RubricAnswer(3, ["a"]))  # type: ignore[arg-type]


async def test_a_desk_that_holds_nothing_yet_is_a_desk() -> None:
    class Empty(ScriptedDesk):
        def __len__(self) -> int:
            return 0

    desk = Empty([RubricAnswer(3, ["a"]), RubricAnswer(5, ["a"])])
    assert (await HumanRubricLoss("helpful?", LEVELS, desk=desk)("x")).score == 0.5
    with use_desk(desk):
        assert (await HumanRubricLoss("helpful?", LEVELS)("x")).score == 1.0
