"""A question as the page shows it: nothing of where its texts come from, all that is needed to judge them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User

from feedback_ui.judge.compared import Choice, Place, places_of, sides_of, verdicts_of
from optimization.feedback.services import draft_load, question_shown
from optimization.losses.questions import PreferenceQuestion, Question, RankingQuestion, RubricQuestion
from optimization.models import FeedbackRequest

KEYS = 9
TITLES = {
    "rubric": "How good is it?",
    "feedback": "What should be better?",
    "preference": "Which is better?",
    "ranking": "In what order do they come, the best first?",
}


@dataclass(frozen=True)
class Level:
    """`key` is the digit that chooses it, empty past the ninth."""

    key: str
    score: float
    label: str
    description: str
    chosen: bool


@dataclass(frozen=True)
class Part:
    """A named piece of what the judge is told."""

    name: str
    value: Any


@dataclass(frozen=True)
class Item:
    """`values` are the fields of the form as they stand: a draft, or what was sent and did not fit."""

    request: FeedbackRequest
    user: User
    fence: int
    values: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    client_key: str = field(default_factory=lambda: uuid4().hex)

    @classmethod
    def with_draft(cls, request: FeedbackRequest, fence: int, user: User) -> Item:
        return cls(request, user, fence, draft_load(request=request, user=user))

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
    def levels(self) -> list[Level]:
        """From the lowest score up, so that a higher digit is a better level."""
        if not isinstance(self.question, RubricQuestion):
            return []
        chosen = str(self.values.get("score", ""))
        return [
            Level(
                key=str(number) if number <= KEYS else "",
                score=level.score,
                label=level.label,
                description=level.description,
                chosen=str(level.score) == chosen,
            )
            for number, level in enumerate(sorted(self.question.levels, key=lambda level: level.score), 1)
        ]

    @property
    def improvements_rule(self) -> str:
        """From which level on improvements need not be given, in words; empty where they are simply asked for."""
        if not isinstance(self.question, RubricQuestion):
            return ""
        free = [level.label for level in self.levels if not self.question.improvements_required(level.score)]
        if not free:
            return ""
        if len(free) == len(self.levels):
            return "Optional"
        return f"Optional for “{free[0]}”" if len(free) == 1 else f"Optional from “{free[0]}” up"

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
