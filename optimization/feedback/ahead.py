"""The questions after the one in hand, reserved while that one is read: the next is there at once, and a lost connection
stops nobody for some items.

A reservation is soft: it takes a place like any claim, but somebody for whom nothing else waits takes it over. It
becomes a hold when its owner comes to it, and lapses like one.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, QuerySet

from optimization.models import Claim, ClaimState, FeedbackRequest, RequestState

MOST_AHEAD = 3


def reservations_of(user_id: int, workspace_id: int) -> QuerySet[Claim]:
    """What a person holds and has reserved, the hold first."""
    own = Claim.objects.filter(user=user_id, state=ClaimState.ACTIVE, request__state=RequestState.OPEN)
    return own.filter(request__workspace=workspace_id).select_related("request").order_by("ahead", "pk")


def reservations_by_others(user_id: int) -> QuerySet[Claim]:
    return Claim.objects.filter(state=ClaimState.ACTIVE, ahead=True).exclude(user=user_id)


def reservation_take_over(
    questions: QuerySet[FeedbackRequest], user_id: int, expires_at: datetime
) -> Claim | None:
    """The first of `questions`, which others have only reserved, becomes this person's hold."""
    question = questions.select_for_update(skip_locked=True, of=("self",)).first()
    if question is None:
        return None
    reserved = reservations_by_others(user_id).filter(request=question)
    theirs = reserved.order_by("pk").first()
    if theirs is None or not reserved.filter(pk=theirs.pk).update(state=ClaimState.LAPSED):
        return None
    FeedbackRequest.objects.filter(pk=question.pk).update(fence=F("fence") + 1)
    question.fence += 1
    return Claim.objects.create(
        request=question, user_id=user_id, fence=question.fence, expires_at=expires_at
    )
