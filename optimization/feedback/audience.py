"""Which questions are for whom."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from optimization.feedback.lanes import waiting
from optimization.models import Answer, Audience, Claim, FeedbackRequest, Skip

ASKED = Q(item__isnull=False) | Q(audience=Audience.CHECK)
"""Not what was left of an iteration that was begun anew, until an item asks it again."""


def questions_for(lane: Q, workspace: int, user: int) -> QuerySet[FeedbackRequest]:
    """What the person could judge now, to be counted: what they have been through is read once, not for each question."""
    own = {"user": user}
    seen = Claim.objects.filter(**own, request__gold__isnull=False)
    return waiting().filter(
        lane,
        ~Q(pk__in=Answer.objects.filter(**own).values("request")),
        ~Q(pk__in=Skip.objects.filter(**own).values("request")),
        Q(gold=None) | ~Q(gold__in=seen.values("request__gold")),
        Q(ready_at=None) | Q(ready_at__lte=Now()),
        ASKED,
        workspace=workspace,
    )


def questions_in(
    lane: Q, workspace: int, user: int, among: QuerySet[FeedbackRequest] | None = None
) -> QuerySet[FeedbackRequest]:
    """The open questions of a lane with a free place (or those `among` others) that the person has not been through.

    Nobody answers a question twice, or one that they skipped; nor sees a gold item twice.
    """
    own = {"request": OuterRef("pk"), "user": user}
    return (waiting() if among is None else among).filter(
        lane,
        ~Exists(Answer.objects.filter(**own)),
        ~Exists(Skip.objects.filter(**own)),
        Q(gold=None) | ~Exists(Claim.objects.filter(user=user, request__gold=OuterRef("gold"))),
        Q(ready_at=None) | Q(ready_at__lte=Now()),
        ASKED,
        workspace=workspace,
    )
