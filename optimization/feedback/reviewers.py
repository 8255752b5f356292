"""Who decides a disagreement: a reviewer whose own answer does not stand in it.

Where everybody who may review has an answer in it, any of them decides, and it is kept with the decision
(Adjudication.own_answer).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set
from dataclasses import dataclass, field

from django.contrib.auth.models import User

from optimization.accounts.permissions import Action
from optimization.accounts.selectors import people_who
from optimization.feedback.errors import FeedbackError
from optimization.models import Answer, FeedbackRequest, Workspace


@dataclass(frozen=True)
class Bench:
    """A reviewer among all who may review in a workspace."""

    reviewer: User
    everybody: list[User]

    @classmethod
    def of(cls, workspace: Workspace, reviewer: User) -> Bench:
        return cls(reviewer, list(people_who(workspace, Action.FEEDBACK_REVIEW)))

    def deciders(self, answered: Set[int]) -> list[User]:
        """Who decides what these people have answered."""
        return [user for user in self.everybody if user.pk not in answered] or self.everybody

    def decides(self, answered: Set[int]) -> bool:
        return self.reviewer.pk not in answered or self.reviewer in self.deciders(answered)

    def who_can(self, answered: Set[int]) -> str:
        return f"{' or '.join(user.get_username() for user in self.deciders(answered))} can"

    def has_own_answer(self, request: FeedbackRequest) -> bool:
        """Whether the reviewer decides about an answer of their own; raises FeedbackError where others can."""
        answered = people_in(request)
        if not self.decides(answered):
            raise FeedbackError(
                f"Your own answer is one of these, so it is not yours to decide: {self.who_can(answered)}."
            )
        return self.reviewer.pk in answered


@dataclass(frozen=True)
class Divided:
    """Disputed questions by their ids, in their order: the reviewer's to decide, and those that are not."""

    theirs: list[int] = field(default_factory=list)
    not_theirs: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, bench: Bench, disputed: list[int]) -> Divided:
        answered: dict[int, set[int]] = defaultdict(set)
        for request, user in Answer.objects.filter(request__in=disputed).values_list("request", "user"):
            answered[request].add(user)
        divided = cls()
        for one in disputed:
            (divided.theirs if bench.decides(answered[one]) else divided.not_theirs).append(one)
        return divided


def people_in(request: FeedbackRequest) -> set[int]:
    """Who has answered it."""
    return {answer.user_id for answer in request.answers.all()}
