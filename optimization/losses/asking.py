"""How people are asked to judge: a question, a desk that puts it to them, and a reading of their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from optimization.core.values import Value
from optimization.losses.answers import words_missing
from optimization.losses.console import ConsoleDesk
from optimization.losses.desks import current_desk
from optimization.losses.module import Context, LossModule
from optimization.losses.questions import Answer, FeedbackDesk, Question

A = TypeVar("A")

REQUIRED_BY = {"improvements": "require_feedback", "reason": "require_reason"}
"""The argument of a loss by which it requires a field of an answer."""


class HumanLoss(LossModule, Generic[A]):
    """A loss whose verdict comes from people: `question` makes the question, `read` makes Values of answers.

    The desk is the one given, else the one in use (`use_desk`), else the console.
    """

    answer_type: type[A]

    def __init__(self, desk: FeedbackDesk | None = None) -> None:
        super().__init__()
        if desk is not None and not callable(getattr(desk, "ask", None)):
            raise TypeError(
                f"The desk of {type(self).__name__} has an async ask(question) that gives a list of answers, as ScriptedDesk "
                f"and ConsoleDesk have; {desk!r} has none."
            )
        self.desk = desk

    def question(self, output: Any, target: Any = None, context: Context | None = None) -> Question:
        raise NotImplementedError

    def read(self, answers: Sequence[Answer]) -> Value:
        raise NotImplementedError

    async def judge(self, output: Any, target: Any, context: Context) -> Value:
        return self.read(await self.ask(self.question(output, target, context)))

    async def ask(self, question: Question) -> list[Answer]:
        desk = self.desk if self.desk is not None else current_desk()
        if desk is None:
            desk = ConsoleDesk()
        answers = await desk.ask(question)
        if not isinstance(answers, list | tuple):
            raise TypeError(
                f"The desk of {type(self).__name__}, a {type(desk).__name__}, answered {answers!r}. Let its ask() give a "
                "list of answers, one for each annotator."
            )
        if not getattr(desk, "has_checked", False):
            for answer in answers:
                self._words_checked(question, answer, type(desk).__name__)
        return list(answers)

    def _words_checked(self, question: Question, answer: Answer, desk: str) -> None:
        """ValueError for an answer without the words that the loss requires."""
        for problem in words_missing(question, answer):
            required = REQUIRED_BY[problem.field]
            raise ValueError(
                f"{type(self).__name__} requires words with a verdict, and its desk, a {desk}, answered {answer!r}. "
                f"{problem.message} Let the desk give {problem.field}, or make the loss with {required}=False."
            )

    def fitting(self, answers: Sequence[Answer]) -> list[A]:
        """The answers, checked to be of this loss's kind."""
        for answer in answers:
            if not isinstance(answer, self.answer_type):
                raise ValueError(
                    f"{type(self).__name__} reads {self.answer_type.__name__}s and got a {type(answer).__name__}. Let its "
                    "desk answer this kind of question."
                )
        return [answer for answer in answers if isinstance(answer, self.answer_type)]
