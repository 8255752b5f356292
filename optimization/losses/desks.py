"""Desks: where a question finds its people."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pydantic import BaseModel

from optimization.losses.questions import Answer, FeedbackDesk, Question

_desk: ContextVar[FeedbackDesk | None] = ContextVar("handgrad_desk", default=None)


@contextmanager
def use_desk(desk: FeedbackDesk) -> Iterator[FeedbackDesk]:
    """Losses without a desk of their own ask at this one, in the code inside."""
    token = _desk.set(desk)
    try:
        yield desk
    finally:
        _desk.reset(token)


def current_desk() -> FeedbackDesk | None:
    """The desk in use here (`use_desk`), if there is one."""
    return _desk.get()


class ScriptedDesk:
    """Gives its answers in order, for tests and replays; a list among them answers one question for several people.

    `questions` are those that were asked.
    """

    def __init__(self, answers: Iterable[Answer | list[Answer]] = ()) -> None:
        if isinstance(answers, BaseModel):
            raise TypeError(
                f"A ScriptedDesk is given a list of answers; write [...] also around one, {answers!r}."
            )
        self._answers = deque(answers)
        self.questions: list[Question] = []

    async def ask(self, question: Question) -> list[Answer]:
        self.questions.append(question)
        if not self._answers:
            raise RuntimeError(
                f"The ScriptedDesk has no answer left for question {len(self.questions)}, a {question.kind} question. "
                "Give it one answer for each question."
            )
        answer = self._answers.popleft()
        return answer if isinstance(answer, list) else [answer]
