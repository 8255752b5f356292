"""A question as the page shows it: nothing of where its texts come from, all that is needed to judge them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse

from feedback_ui.judge.compared import Choice, Place, places_of, sides_of, verdicts_of
from feedback_ui.judge.levels import Criterion, criteria_of, improvements_rule
from feedback_ui.judge.submission import values_of
from optimization.core.values import as_text
from optimization.feedback.edits import answer_newest
from optimization.feedback.services import draft_load, question_shown
from optimization.feedback.showings import body_shown
from optimization.losses.questions import (
    ANSWER,
    PreferenceQuestion,
    Question,
    RankingQuestion,
    RubricQuestion,
)
from optimization.models import Answer, FeedbackRequest

TITLES = {
    "rubric": "How good is it?",
    "feedback": "What should be better?",
    "preference": "Which is better?",
    "ranking": "In what order do they come, the best first?",
}
SHORT = 600


@dataclass(frozen=True)
class Part:
    """A named piece of what the judge is told."""

    name: str
    value: Any

    @property
    def is_short(self) -> bool:
        """Stays in one column where parts stand in columns; a longer one goes on in the next."""
        return len(as_text(self.value)) <= SHORT


@dataclass(frozen=True)
class Item:
    """`values` are the fields of the form as they stand: a draft, or what was sent and did not fit.

    With `answer` the item was answered before, and its answer is to be changed.
    """

    request: FeedbackRequest
    user: User
    fence: int
    values: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    client_key: str = field(default_factory=lambda: uuid4().hex)
    answer: Answer | None = None

    foot: ClassVar[str] = "judge/hold.html"
    """The template that closes the form."""
    decides: ClassVar[bool] = False
    """Whether it is a reviewer's, who decides a disagreement with it (quality.dispute)."""

    @classmethod
    def with_draft(cls, request: FeedbackRequest, fence: int, user: User) -> Item:
        return cls(request, user, fence, draft_load(request=request, user=user))

    @classmethod
    def with_answer(cls, answer: Answer) -> Item:
        """With the newest version of the answer as it would be typed."""
        shown = question_shown(request=answer.request, user=answer.user)
        newest = body_shown(answer=answer, body=answer_newest(answer))
        values = values_of(shown, ANSWER.validate_python(newest))
        return cls(answer.request, answer.user, 0, values, answer=answer)

    @property
    def action(self) -> str:
        """Where the form is sent."""
        if self.answer:
            return reverse("earlier_answer", args=[self.answer.pk])
        return reverse("judge_answer", args=[self.request.pk])

    @property
    def draft_key(self) -> str:
        """The name of the draft in the browser."""
        return f"answer-{self.answer.pk}" if self.answer else str(self.request.pk)

    @cached_property
    def question(self) -> Question:
        """As this person sees it."""
        return question_shown(request=self.request, user=self.user)

    @property
    def template(self) -> str:
        return f"judge/item_{self.question.kind}.html"

    @property
    def title(self) -> str:
        return self.question.criteria or TITLES[self.question.kind]

    @property
    def parts(self) -> list[Part]:
        """What the text answers to, the main thing first; the target last."""
        parts = [Part(_words(name), value) for name, value in self.question.context.items()]
        target = self.question.target
        return parts if target in (None, "") else [*parts, Part("Expected", target)]

    @property
    def criteria(self) -> list[Criterion]:
        """What gets a level."""
        question = self.question
        return criteria_of(question, self.values, self.errors) if isinstance(question, RubricQuestion) else []

    @property
    def improvements_rule(self) -> str:
        return improvements_rule(self.question) if isinstance(self.question, RubricQuestion) else ""

    @property
    def reason_optional(self) -> bool:
        return isinstance(self.question, PreferenceQuestion) and not self.question.require_reason

    @property
    def sides(self) -> list[Choice]:
        return sides_of(self.question, self.values) if isinstance(self.question, PreferenceQuestion) else []

    @property
    def other_verdicts(self) -> list[Choice]:
        return verdicts_of(self.values)

    @property
    def places(self) -> list[Place]:
        return places_of(self.question, self.values) if isinstance(self.question, RankingQuestion) else []

    @property
    def seconds_left(self) -> int:
        return int(settings.CLAIM_SECONDS)

    @property
    def minutes_left(self) -> int:
        return max(1, round(self.seconds_left / 60))


def _words(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()
