"""The line of counts: a person's day, what waits for them, and who else judges."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from optimization.feedback.ahead import reservations_of
from optimization.feedback.audience import questions_for
from optimization.models import Answer, Audience, Claim, ClaimState, Membership, Workspace

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


def queue_counts(*, workspace: Workspace, user: User) -> QueueCounts:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    today = Answer.objects.filter(request__workspace=workspace, user=user, created_at__gte=midnight).count()
    member = Membership.objects.filter(workspace=workspace, user=user).first()
    waiting = questions_for(member)[:COUNT_CAP].count() if member else 0
    waiting += reservations_of(user.pk, workspace.pk).filter(ahead=True).count()
    others = tuple(others_at_work(workspace=workspace, user=user))
    return QueueCounts(today=today, waiting=waiting, others=others)


def others_at_work(*, workspace: Workspace, user: User) -> list[str]:
    """First names of other people who hold a question in this moment, OTHERS + 1 at most."""
    holding = Claim.objects.filter(
        state=ClaimState.ACTIVE, expires_at__gt=Now(), request__workspace=workspace
    ).exclude(Q(user=user) | Q(request__audience=Audience.REHEARSAL))
    people = User.objects.filter(pk__in=holding.values("user")).order_by("pk")[: OTHERS + 1]
    return [person.first_name or person.get_username() for person in people]
