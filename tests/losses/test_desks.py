from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from optimization.losses import (
    Aspect,
    ConsoleDesk,
    FeedbackAnswer,
    HumanFeedbackLoss,
    HumanPreferenceLoss,
    HumanRankingLoss,
    HumanRubricLoss,
    Question,
    RubricAnswer,
    ScriptedDesk,
    current_desk,
    use_desk,
)
from optimization.losses.asking import HumanLoss
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


async def test_a_desk_that_holds_nothing_yet_is_a_desk() -> None:
    class Empty(ScriptedDesk):
        def __len__(self) -> int:
            return 0

    desk = Empty([RubricAnswer(3, ["a"]), RubricAnswer(5, ["a"])])
    assert (await HumanRubricLoss("helpful?", LEVELS, desk=desk)("x")).score == 0.5
    with use_desk(desk):
        assert (await HumanRubricLoss("helpful?", LEVELS)("x")).score == 1.0


async def on_console(loss: HumanLoss[object], question: Question, *typed: str) -> tuple[list[object], str]:
    """The answers that were read, and what was shown."""
    screen = io.StringIO()
    keyboard = io.StringIO("\n".join(typed) + "\n")
    desk = ConsoleDesk(Console(file=screen, width=100), keyboard)
    return list(await desk.ask(question)), screen.getvalue()


async def test_the_console_asks_a_rubric_question_until_the_answer_fits() -> None:
    loss = HumanRubricLoss("Is it helpful?", LEVELS)
    question = loss.question("The [bold]output", "the target", {"ticket": "broken lamp"})
    answers, shown = await on_console(loss, question, "many", "4", "", "2", "Greet.", "Sign.", "")  # type: ignore[arg-type]

    assert answers == [RubricAnswer(2, ["Greet.", "Sign."])]
    for text in (
        "Is it helpful?",
        "The [bold]output",
        "the target",
        "broken lamp",
        "5: Excellent - answers and helps",
    ):
        assert text in shown
    assert "Give a number." in shown
    assert "4 is not a score of this rubric. It has 1, 2, 3, 5." in shown


async def test_the_console_asks_for_a_level_of_each_aspect() -> None:
    loss = HumanRubricLoss("Is it good?", LEVELS, aspects=[Aspect(name="Facts"), Aspect(name="Tone")])
    answers, shown = await on_console(loss, loss.question("x"), "5", "3", "Greet.", "")  # type: ignore[arg-type]

    assert answers == [RubricAnswer(4.0, ["Greet."], scores={"Facts": 5, "Tone": 3})]
    assert "Facts" in shown


async def test_the_console_asks_again_where_an_improvement_is_required() -> None:
    loss = HumanRubricLoss("Is it helpful?", LEVELS, require_feedback=2)
    answers, shown = await on_console(loss, loss.question("x"), "1", "", "3", "")  # type: ignore[arg-type]

    assert answers == [RubricAnswer(3)]
    assert "Say what should be better: a score of 1 asks for it." in shown


async def test_the_console_asks_for_free_feedback_one_a_line() -> None:
    loss = HumanFeedbackLoss()
    answers, _ = await on_console(loss, loss.question("x"), "Greet.", "Sign.", "")  # type: ignore[arg-type]

    assert answers == [FeedbackAnswer(["Greet.", "Sign."])]


async def test_the_console_asks_which_is_better_and_why() -> None:
    loss = HumanPreferenceLoss("Which is clearer?")
    question = loss.question("first text", "second text")
    answers, shown = await on_console(
        loss, question, "left", "b", "", "", "", "B", "clearer", "dates", "rambles"
    )  # type: ignore[arg-type]
    value, _ = loss.read_pair(answers)  # type: ignore[arg-type]

    assert value.score == 0.0
    assert "Say in a few words why." in shown
    assert "first text" in shown
    assert "second text" in shown


async def test_the_console_asks_for_ranks() -> None:
    loss = HumanRankingLoss("Which order?")
    question = loss.question(["x", "y", "z"])
    typed = ("one", "1 1 2", "", "", "", "2, 1, 3", "warm", "", "cold")
    answers, shown = await on_console(loss, question, *typed)  # type: ignore[arg-type]

    assert [value.score for value in loss.read_all(answers)] == [0.5, 1.0, 0.0]  # type: ignore[arg-type]
    assert "Give numbers." in shown
    assert "Rank 1 was given twice" in shown


async def test_the_console_says_when_the_answers_end_too_early() -> None:
    loss = HumanRubricLoss("Is it helpful?", LEVELS)

    with pytest.raises(EOFError, match="ended before the question was answered"):
        await on_console(loss, loss.question("x"), "2", "Greet.")  # type: ignore[arg-type]


async def test_questions_at_the_console_come_one_after_another() -> None:
    screen, keyboard = io.StringIO(), io.StringIO("first\n\nsecond\n\n")
    desk = ConsoleDesk(Console(file=screen, width=100), keyboard)
    loss = HumanFeedbackLoss(desk=desk)
    values = await asyncio.gather(loss("x"), loss("y"))

    assert sorted(value.payload[0][0] for value in values) == ["first", "second"]
