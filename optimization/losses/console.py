"""ConsoleDesk: questions on the terminal."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TextIO, TypeVar, get_args

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from optimization.core.values import as_text
from optimization.losses.answers import check_answer
from optimization.losses.aspects import answer_completed
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
TURN = threading.Lock()  # there is one person at the terminal, whichever desk asks
CHOICES: tuple[Choice, ...] = get_args(Choice)


class ConsoleDesk:
    """Asks the person at the terminal, one question at a time, until the answer fits.

    `stream` is where the answers are read from, the keyboard by default.
    """

    def __init__(self, console: Console | None = None, stream: TextIO | None = None) -> None:
        self.console = console or Console()
        self.stream = stream

    async def ask(self, question: Question) -> list[Answer]:
        """The answer of one person. It is read in a thread, so that other work goes on."""
        return [await asyncio.to_thread(self._ask, question)]

    def _ask(self, question: Question) -> Answer:
        with TURN:
            self._show(question)
            while True:
                answer = self._read(question)
                problems = check_answer(question, answer)
                if not problems:
                    return answer_completed(question, answer)
                for problem in problems:
                    self._complain(problem.message)

    def _show(self, question: Question) -> None:
        self.console.rule("[bold]Your judgement")
        self.console.print(question.criteria, markup=False)
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

    def _read(self, question: Question) -> Answer:
        match question:
            case RubricQuestion():
                return self._rubric(question)
            case FeedbackQuestion():
                return FeedbackAnswer(self._lines("Improvements"))
            case PreferenceQuestion():
                return self._preference(question)
            case RankingQuestion():
                return self._ranking(question)

    def _rubric(self, question: RubricQuestion) -> RubricAnswer:
        scores = {
            aspect.name: self._score(aspect.name, question.levels_of(aspect)) for aspect in question.aspects
        }
        score = 0.0 if scores else self._score("Score", question.levels)
        wanted = question.require_feedback is not False
        return RubricAnswer(score, self._lines("Improvements") if wanted else [], scores=scores)

    def _score(self, asked: str, levels: Sequence[RubricLevel]) -> float:
        for level in levels:
            self.console.print(f"  {level}", markup=False)
        return self._until(asked, float, "a number")

    def _preference(self, question: PreferenceQuestion) -> PreferenceAnswer:
        choice = self._until(
            f"Which is better ({', '.join(CHOICES)})", _choice, f"one of {', '.join(CHOICES)}"
        )
        if choice == "abstain" or not question.require_reason:
            return PreferenceAnswer(choice)
        return PreferenceAnswer(
            choice,
            reason=self._line("Why"),
            strengths=self._line("Strengths of the better one"),
            weaknesses=self._line("Weaknesses of the other"),
        )

    def _ranking(self, question: RankingQuestion) -> RankingAnswer:
        ties = ", equal ranks for ties" if question.allow_ties else ""
        prompt = f"Rank of each output in the order shown, 1 the best{ties}, such as 2 1 3"
        ranks = self._until(
            prompt, lambda text: [int(part) for part in text.replace(",", " ").split()], "numbers"
        )
        return RankingAnswer(ranks, [self._line(f"About {number}") for number in range(1, len(ranks) + 1)])

    def _until(self, prompt: str, read: Callable[[str], T], wanted: str) -> T:
        while True:
            try:
                return read(self._line(prompt))
            except ValueError:
                self._complain(f"Give {wanted}.")

    def _lines(self, prompt: str) -> list[str]:
        self.console.print(f"{prompt}, one a line; an empty line ends.", markup=False)
        found: list[str] = []
        while line := self._line(">"):
            found.append(line)
        return found

    def _line(self, prompt: str) -> str:
        line = self.console.input(f"[bold]{escape(prompt)}[/] ", stream=self.stream)
        if self.stream is not None and not line:
            raise EOFError("The answers ended before the question was answered.")
        return line.strip()

    def _panel(self, title: str, content: object, style: str = "") -> None:
        self.console.print(
            Panel(escape(as_text(content)), title=escape(title), title_align="left", style=style)
        )

    def _complain(self, message: str) -> None:
        self.console.print(f"[red]{escape(message)}[/]")


def _choice(text: str) -> Choice:
    for choice in CHOICES:
        if text.casefold().replace(" ", "_") == choice.casefold():
            return choice
    raise ValueError(text)
