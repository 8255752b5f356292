"""The line of counts: a person's day, what waits for them, and who else judges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Func, IntegerField, Q, QuerySet, Subquery
from django.db.models.functions import Now, TruncDay

from optimization.feedback.ahead import reservations_of
from optimization.feedback.audience import questions_for
from optimization.feedback.lanes import ORDER, panel_lanes, person_lane, shared_lane, with_lanes
from optimization.models import Answer, Audience, Claim, ClaimState, Membership
from optimization.models.prepared import Prepared

COUNT_CAP = 1000
OTHERS = 2


@dataclass(frozen=True)
class QueueCounts:
    """A person's day: answers given since midnight, questions that they could judge now (COUNT_CAP at most), and the
    names of others who judge at this moment."""

    today: int
    waiting: int
    others: tuple[str, ...] = ()

    @property
    def company(self) -> str:
        """Who else is judging: "Ines", "Ines and Omar", "Ines, Omar and more"; empty for nobody."""
        if len(self.others) > OTHERS:
            return f"{', '.join(self.others[:OTHERS])} and more"
        return " and ".join(self.others)


def queue_counts(member: Membership) -> QueueCounts:
    """Where a member has panels, what waits in their lanes is counted apart."""
    user, workspace = member.user_id, member.workspace_id
    figures: Any = _FIGURES.first(
        membership=member.pk,
        user=user,
        workspace=workspace,
        lane_text=shared_lane(member),
        own_text=person_lane(user),
    )
    waiting = figures.shared + figures.reserved + (0 if member.is_rehearsal else figures.own)
    if lanes := panel_lanes(figures):
        waiting += questions_for(Q(lane__in=lanes), workspace, user)[:COUNT_CAP].count()
    others = _OTHERS(user=user, workspace=workspace)
    names = tuple(person.first_name or person.get_username() for person in others)
    return QueueCounts(figures.today, min(waiting, COUNT_CAP), names)


class _CountOf(Func):
    """How many rows a subquery has."""

    template = "(SELECT COUNT(*) FROM %(expressions)s AS counted)"
    output_field = IntegerField()


def _count(rows: QuerySet[Any]) -> _CountOf:
    return _CountOf(Subquery(rows.values("pk")))


def _figures(
    membership: int, user: int, workspace: int, lane_text: str, own_text: str
) -> QuerySet[Membership]:
    """The membership with `today`, what it has `reserved`, and what waits in the lane that it shares and in its own."""
    answers = Answer.objects.filter(request__workspace=workspace, user=user, created_at__gte=TruncDay(Now()))
    # In the queue's order, so that they are read off its index, however many are answered already.
    shared, own = (
        questions_for(Q(lane=lane), workspace, user).order_by(*ORDER) for lane in (lane_text, own_text)
    )
    return with_lanes(Membership.objects.filter(pk=membership), own_text).annotate(
        today=_count(answers),
        reserved=_count(reservations_of(user, workspace).filter(ahead=True).order_by()),
        shared=_count(shared[:COUNT_CAP]),
        own=_count(own[:COUNT_CAP]),
    )


def _others(user: int, workspace: int) -> QuerySet[User]:
    """Other people who hold a question in this moment, OTHERS + 1 at most."""
    holding = Claim.objects.filter(
        state=ClaimState.ACTIVE, expires_at__gt=Now(), request__workspace=workspace
    ).exclude(Q(user=user) | Q(request__audience=Audience.REHEARSAL))
    return User.objects.filter(pk__in=holding.values("user")).order_by("pk")[: OTHERS + 1]


_FIGURES: Prepared[Membership] = Prepared(
    _figures, "membership", "user", "workspace", "lane_text", "own_text"
)
_OTHERS: Prepared[User] = Prepared(_others, "user", "workspace")
