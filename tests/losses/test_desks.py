from __future__ import annotations

import pytest

from optimization.losses import (
    FeedbackAnswer,
    HumanFeedbackLoss,
    HumanRubricLoss,
    Question,
    RubricAnswer,
    ScriptedDesk,
    current_desk,
    use_desk,
)
from tests.losses.rubrics import LEVELS


async def test_a_scripted_desk_gives_its_answers_in_order() -> None:
    desk = ScriptedDesk([RubricAnswer(1, ["a"]), [RubricAnswer(3), RubricAnswer(5)]])
    loss = HumanRubricLoss("helpful?", LEVELS, desk=desk)

    assert [(await loss("x")).score, (await loss("y")).score] == [0.0, 0.75]
    assert [question.output for question in desk.questions] == ["x", "y"]  # type: ignore[union-attr]


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
