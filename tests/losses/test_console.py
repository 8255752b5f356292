"""Questions on the terminal."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, TextIO

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
    PreferenceAnswer,
    RubricAnswer,
)
from optimization.losses.keyboard import Keyboard
from tests.losses.rubrics import LEVELS


async def on_console(question: Any, *typed: str) -> tuple[list[Any], str]:
    """The answers that were read, and what was shown."""
    screen = io.StringIO()
    keyboard = io.StringIO("\n".join(typed) + "\n")
    desk = ConsoleDesk(Console(file=screen, width=100), keyboard)
    return list(await desk.ask(question)), screen.getvalue()


async def test_the_console_asks_a_rubric_question_until_the_answer_fits() -> None:
    loss = HumanRubricLoss("Is it helpful?", LEVELS)
    question = loss.question("The [bold]output", "the target", {"ticket": "broken lamp"})
    answers, shown = await on_console(question, "many", "4", "2", "Greet.", "Sign.", "")

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
    answers, shown = await on_console(loss.question("x"), "5", "3", "Greet.", "")

    assert answers == [RubricAnswer(4.0, ["Greet."], scores={"Facts": 5, "Tone": 3})]
    assert "Facts" in shown


async def test_the_console_asks_again_where_an_improvement_is_required() -> None:
    loss = HumanRubricLoss("Is it helpful?", LEVELS, require_feedback=2)
    answers, shown = await on_console(loss.question("x"), "1", "", "3", "")

    assert answers == [RubricAnswer(3)]
    assert "Say what should be better: a score of 1 asks for it." in shown


async def test_the_console_asks_for_free_feedback_one_a_line() -> None:
    loss = HumanFeedbackLoss()
    answers, _ = await on_console(loss.question("x"), "Greet.", "Sign.", "")

    assert answers == [FeedbackAnswer(["Greet.", "Sign."])]


async def test_the_console_asks_which_is_better_and_why() -> None:
    loss = HumanPreferenceLoss("Which is clearer?")
    question = loss.question("first text", "second text")
    answers, shown = await on_console(question, "left", "b", "", "", "", "B", "clearer", "dates", "rambles")
    value, _ = loss.read_pair(answers)

    assert value.score == 0.0
    assert "Say in a few words why." in shown
    assert "first text" in shown
    assert "second text" in shown


async def test_the_console_asks_for_ranks() -> None:
    loss = HumanRankingLoss("Which order?")
    question = loss.question(["x", "y", "z"])
    typed = ("one", "1 1 2", "1 2", "2, 1, 3", "warm", "", "cold")
    answers, shown = await on_console(question, *typed)

    assert [value.score for value in loss.read_all(answers)] == [0.5, 1.0, 0.0]
    assert "Give numbers." in shown
    assert "Rank 1 was given twice" in shown
    assert "Give a rank to each of the 3 outputs; 2 were given." in shown


async def test_the_console_says_when_the_answers_end_too_early() -> None:
    loss = HumanRubricLoss("Is it helpful?", LEVELS)

    with pytest.raises(EOFError, match="ended before the rubric question was answered.*another desk"):
        await on_console(loss.question("x"), "2", "Greet.")


async def test_questions_at_the_console_come_one_after_another() -> None:
    screen, keyboard = io.StringIO(), io.StringIO("first\n\nsecond\n\n")
    desk = ConsoleDesk(Console(file=screen, width=100), keyboard)
    loss = HumanFeedbackLoss(desk=desk)
    values = await asyncio.gather(loss("x"), loss("y"))

    assert sorted(value.payload[0][0] for value in values) == ["first", "second"]


@pytest.mark.parametrize("typed", ["abstain", "ABSTAIN", "both bad", "Tie"])
async def test_a_choice_is_read_as_it_is_meant(typed: str) -> None:
    answers, _ = await on_console(
        HumanPreferenceLoss("which?", require_reason=False).question("x", "y"), typed
    )

    assert answers == [PreferenceAnswer(typed.lower().replace(" ", "_"))]  # type: ignore[arg-type]


@pytest.mark.parametrize("typed", ["", "nan", "inf", "1e999", "9" * 5000, "3 4", "three", "4"])
async def test_what_is_no_score_is_asked_for_again(typed: str) -> None:
    answers, shown = await on_console(HumanRubricLoss("c", LEVELS, False).question("x"), typed, "3")

    assert answers == [RubricAnswer(3)]
    assert "Give a number." in shown or "is not a score of this rubric" in shown


async def test_ranks_may_be_equal_where_ties_are_allowed() -> None:
    loss = HumanRankingLoss("order?", allow_ties=True)
    answers, shown = await on_console(loss.question(["x", "y"]), "1 1", "", "")

    assert [value.score for value in loss.read_all(answers)] == [0.5, 0.5]
    assert "equal ranks for ties" in shown


async def test_what_is_shown_is_shown_as_it_is_and_no_control_reaches_the_terminal() -> None:
    hostile = "\x1b[2J\x1b]0;title\x07 [bold]b[/] :heart: [/] \\[x] back\\"
    question = HumanFeedbackLoss("Is {output} :smile: [red]good[/]?").question(
        "o", hostile, {"[bold]in": "x\x1b[8m"}
    )
    _, shown = await on_console(question, "")

    assert "\x1b" not in shown
    assert "␛[2J␛]0;title␇ [bold]b[/] :heart: [/] \\[x] back\\" in shown
    assert "Is o :smile: [red]good[/]?" in shown
    assert "[bold]in" in shown


@pytest.fixture
def wire() -> Iterator[tuple[TextIO, TextIO]]:
    """A keyboard on which nothing is typed yet, and the end to type at."""
    read, write = os.pipe()
    with open(read) as keyboard, open(write, "w", buffering=1) as typing:
        yield keyboard, typing


async def test_a_wait_that_is_cancelled_leaves_its_line_to_the_next_question(
    wire: tuple[TextIO, TextIO],
) -> None:
    keyboard, typing = wire
    desk = ConsoleDesk(Console(file=io.StringIO()), keyboard)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(desk.ask(HumanFeedbackLoss().question("x")), 0.01)
    typing.write("Greet.\n\n")

    assert await desk.ask(HumanFeedbackLoss().question("y")) == [FeedbackAnswer(["Greet."])]


def test_a_loop_that_is_gone_does_not_take_the_line_with_it(wire: tuple[TextIO, TextIO]) -> None:
    keyboard = Keyboard(wire[0])
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(keyboard.line(), 0.01))
    wire[1].write("Greet.\n")

    assert asyncio.run(keyboard.line()) == "Greet.\n"


ASKS = """
import asyncio
from optimization.losses import HumanFeedbackLoss
asyncio.run(HumanFeedbackLoss()("x"))
"""


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_ctrl_c_ends_a_program_that_waits_for_an_answer(terminal: bool) -> None:
    ours, theirs = pty.openpty() if terminal else os.pipe()[::-1]
    screen = theirs if terminal else subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-uc", ASKS], stdin=theirs, stdout=screen, stderr=subprocess.PIPE
    ) as asks:
        os.close(theirs)
        shown_at, shown = ours if asks.stdout is None else asks.stdout.fileno(), b""
        while b"an empty line ends." not in shown:
            shown += os.read(shown_at, 4096) or pytest.fail(f"It ended before it asked: {shown!r}")
        asks.send_signal(signal.SIGINT)

        assert asks.wait(60) == -signal.SIGINT
        assert b"KeyboardInterrupt" in asks.stderr.read()  # type: ignore[union-attr]
    os.close(ours)
