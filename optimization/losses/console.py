"""ConsoleDesk: questions on the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TextIO, TypeVar, get_args

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from optimization.core.values import as_text
from optimization.llm.loops import PerLoop
from optimization.losses.answers import check_answer, not_a_score, ranking_problems
from optimization.losses.aspects import answer_completed
from optimization.losses.keyboard import Keyboard
from optimization.losses.questions import (
    Answer,
    Choice,
    FeedbackAnswer,
    FeedbackQuestion,
    PreferenceAnswer,
    PreferenceQuestion,
    Question,
    RankingAnswer,
    RankingQuestion,
    RubricAnswer,
    RubricLevel,
    RubricQuestion,
)

T = TypeVar("T")
TERMINAL = Keyboard()
TURN = PerLoop(asyncio.Lock)  # there is one person at the terminal, whichever desk asks
CHOICES: tuple[Choice, ...] = get_args(Choice)
CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}


class ConsoleDesk:
    """Asks the person at the terminal, one question at a time, until the answer fits.

    `stream` is where the answers are read from, the keyboard by default.
    """

    def __init__(self, console: Console | None = None, stream: TextIO | None = None) -> None:
        self.console = console or Console()
        self._keyboard = TERMINAL if stream is None else Keyboard(stream)

    async def ask(self, question: Question) -> list[Answer]:
        """The answer of one person. Other work goes on meanwhile; EOFError where nobody can answer."""
        async with TURN.get():
            self._show(question)
            try:
                return [await self._answer(question)]
            except EOFError:
                raise EOFError(
                    f"The answers ended before the {question.kind} question was answered. Run this where somebody can "
                    "type, or give the loss another desk (desk=, or use_desk)."
                ) from None

    async def _answer(self, question: Question) -> Answer:
        while True:
            answer = await self._read(question)
            problems = check_answer(question, answer)
            if not problems:
                return answer_completed(question, answer)
            for problem in problems:
                self._complain(problem.message)

    def _show(self, question: Question) -> None:
        self.console.rule("[bold]Your judgement")
        self.console.print(_plain(question.criteria))
        shown = dict(question.context) | ({"target": question.target} if question.target is not None else {})
        for name, value in shown.items():
            self._panel(name, value)
        match question:
            case PreferenceQuestion():
                for name, output in zip("AB", question.outputs, strict=True):
                    self._panel(name, output, "bold")
            case RankingQuestion():
                for number, output in enumerate(question.outputs, 1):
                    self._panel(str(number), output, "bold")
            case _:
                self._panel("output", question.output, "bold")

    async def _read(self, question: Question) -> Answer:
        match question:
            case RubricQuestion():
                return await self._rubric(question)
            case FeedbackQuestion():
                return FeedbackAnswer(await self._lines("Improvements"))
            case PreferenceQuestion():
                return await self._preference(question)
            case RankingQuestion():
                return await self._ranking(question)

    async def _rubric(self, question: RubricQuestion) -> RubricAnswer:
        scores = {
            aspect.name: await self._score(aspect.name, question.levels_of(aspect))
            for aspect in question.aspects
        }
        score = 0.0 if scores else await self._score("Score", question.levels)
        wanted = question.require_feedback is not False
        return RubricAnswer(score, await self._lines("Improvements") if wanted else [], scores=scores)

    async def _score(self, asked: str, levels: Sequence[RubricLevel]) -> float:
        def read(text: str) -> float:
            score = _number(text, float, "a number")
            if all(level.score != score for level in levels):
                raise ValueError(not_a_score(score, levels))
            return score

        for level in levels:
            self.console.print(_plain(f"  {level}"))
        return await self._until(asked, read)

    async def _preference(self, question: PreferenceQuestion) -> PreferenceAnswer:
        choice = await self._until(f"Which is better ({', '.join(CHOICES)})", _choice)
        if choice == "abstain" or not question.require_reason:
            return PreferenceAnswer(choice)
        return PreferenceAnswer(
            choice,
            reason=await self._line("Why"),
            strengths=await self._line("Strengths of the better one"),
            weaknesses=await self._line("Weaknesses of the other"),
        )

    async def _ranking(self, question: RankingQuestion) -> RankingAnswer:
        total = len(question.outputs)

        def read(text: str) -> list[int]:
            ranks = [_number(part, int, "numbers") for part in text.replace(",", " ").split()]
            for problem in ranking_problems(RankingAnswer(ranks), total, question.allow_ties):
                raise ValueError(problem.message)
            return ranks

        ties = ", equal ranks for ties" if question.allow_ties else ""
        ranks = await self._until(
            f"Rank of each output in the order shown, 1 the best{ties}, such as 2 1 3", read
        )
        return RankingAnswer(ranks, [await self._line(f"About {number}") for number in range(1, total + 1)])

    async def _until(self, prompt: str, read: Callable[[str], T]) -> T:
        """What `read` makes of a line; a ValueError of its own is told, and the line asked for again."""
        while True:
            line = await self._line(prompt)
            try:
                return read(line)
            except ValueError as problem:
                self._complain(str(problem))

    async def _lines(self, prompt: str) -> list[str]:
        self.console.print(_plain(f"{prompt}, one a line; an empty line ends."))
        found: list[str] = []
        while line := await self._line(">"):
            found.append(line)
        return found

    async def _line(self, prompt: str) -> str:
        self.console.print(Text(prompt, style="bold"), end=" ")
        return (await self._keyboard.line()).strip()

    def _panel(self, title: str, content: object, style: str = "") -> None:
        self.console.print(
            Panel(_plain(as_text(content)), title=_plain(title), title_align="left", style=style)
        )

    def _complain(self, message: str) -> None:
        self.console.print(Text(message, style="red"))


def _plain(text: str) -> Text:
    """Text as it is: no markup, no emoji codes, and control characters as signs, so that none reaches the terminal."""
    return Text(text.translate(CONTROLS))


def _number(text: str, kind: Callable[[str], T], wanted: str) -> T:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"Give {wanted}.") from None


def _choice(text: str) -> Choice:
    for choice in CHOICES:
        if text.casefold().replace(" ", "_") == choice.casefold():
            return choice
    raise ValueError(f"Give one of {', '.join(CHOICES)}.")
