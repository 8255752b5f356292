"""A disagreement as its reviewer sees it: what the annotators said, and the desk's own form for an answer of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from django.urls import reverse

from feedback_ui.judge.item import Item
from feedback_ui.judge.verdict_words import Verdict, verdict_of
from optimization.losses.questions import QUESTION, Question
from optimization.models import Answer


@dataclass(frozen=True)
class Given:
    """One annotator's answer, without their name: who said it must not decide. `is_own` is the reviewer's."""

    number: int
    answer: Answer
    verdict: Verdict
    is_own: bool


@dataclass(frozen=True)
class Dispute(Item):
    """The outputs stand in the order in which the run asked, which is that of the answers' words."""

    foot: ClassVar[str] = "quality/decision.html"
    decides: ClassVar[bool] = True

    @property
    def action(self) -> str:
        return reverse("review_decide", args=[self.request.pk])

    @property
    def draft_key(self) -> str:
        return f"review-{self.request.pk}"

    @cached_property
    def question(self) -> Question:
        return QUESTION.validate_python(self.request.question)

    @cached_property
    def given(self) -> list[Given]:
        answers = sorted(self.request.answers.all(), key=lambda answer: answer.pk)
        return [
            Given(
                number,
                answer,
                verdict_of(self.request.question, answer.body, []),
                is_own=answer.user_id == self.user.pk,
            )
            for number, answer in enumerate(answers, 1)
        ]

    @property
    def has_own(self) -> bool:
        return any(given.is_own for given in self.given)
