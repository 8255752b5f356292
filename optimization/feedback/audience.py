"""Which questions are for whom."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from optimization.feedback.lanes import lanes_of, waiting
from optimization.models import Answer, Claim, FeedbackRequest, Membership, Skip


def questions_for(member: Membership, lanes: Sequence[str] | None = None) -> QuerySet[FeedbackRequest]:
    """The open questions with a free place in the person's lanes (or in `lanes`) that they have not been through.

    Nobody answers a question twice, or one that they skipped; nor sees a gold item twice.
    """
    own = {"request": OuterRef("pk"), "user": member.user_id}
    lanes = lanes_of(member) if lanes is None else lanes
    return waiting().filter(
        ~Exists(Answer.objects.filter(**own)),
        ~Exists(Skip.objects.filter(**own)),
        Q(gold=None) | ~Exists(Claim.objects.filter(user=member.user_id, request__gold=OuterRef("gold"))),
        Q(ready_at=None) | Q(ready_at__lte=Now()),
        Q(lane=lanes[0]) if len(lanes) == 1 else Q(lane__in=lanes),
        workspace=member.workspace_id,
    )
