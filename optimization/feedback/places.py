"""The places of a question: taken and freed only under a lock on its row, counted there, checked by the schema."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import F, QuerySet

from optimization.feedback.notices import queue_changed
from optimization.models import Answer, Claim, ClaimState, FeedbackRequest, RequestState, Workspace
from optimization.models.prepared import Prepared, PreparedUpdate

LAPSE_BATCH = 50
_REQUEST: Prepared[FeedbackRequest] = Prepared(
    lambda request: FeedbackRequest.objects.select_for_update().filter(pk=request), "request"
)
_TAKE = PreparedUpdate(
    lambda request: FeedbackRequest.objects.filter(
        pk=request, state=RequestState.OPEN, taken__lt=F("wanted")
    ),
    "request",
    taken=F("taken") + 1,
    fence=F("fence") + 1,
)


def request_lock(request: FeedbackRequest) -> FeedbackRequest:
    """The question's row as it stands now, locked until the transaction ends."""
    locked = _REQUEST.first(request=request.pk)
    if locked is None:
        raise FeedbackRequest.DoesNotExist(f"The question {request.pk} is gone.")
    return locked


def place_take(locked: FeedbackRequest) -> bool:
    """Take a place and raise the fence; False when the question is closed or full."""
    taken = _TAKE(request=locked.pk)
    if taken:
        locked.taken += 1
        locked.fence += 1
    return bool(taken)


def place_free(locked: FeedbackRequest, claims: QuerySet[Claim]) -> None:
    """Release `claims`: the places of the active ones are for others, and the lapsed ones do not revive."""
    claims.filter(state=ClaimState.LAPSED).update(state=ClaimState.RELEASED)
    if freed := claims.filter(state=ClaimState.ACTIVE).update(state=ClaimState.RELEASED):
        FeedbackRequest.objects.filter(pk=locked.pk).update(taken=F("taken") - freed)
        queue_changed(locked.workspace_id)


def claims_lapse(*, workspace: Workspace, now: datetime) -> None:
    """Free the places of claims whose time ran out, the oldest LAPSE_BATCH of them."""
    overdue = Claim.objects.filter(
        state=ClaimState.ACTIVE, expires_at__lt=now, request__workspace=workspace
    ).order_by("expires_at")
    if not (batch := list(overdue.values_list("request", flat=True)[:LAPSE_BATCH])):
        return
    requests = FeedbackRequest.objects.select_for_update(skip_locked=True).filter(pk__in=batch).order_by("pk")
    locked = [request.pk for request in requests]
    claims = list(overdue.filter(request__in=locked).select_for_update(of=("self",)))
    Claim.objects.filter(pk__in=[claim.pk for claim in claims]).update(state=ClaimState.LAPSED)
    requests_by_freed: dict[int, list[int]] = {}
    for request_id, freed in Counter(claim.request_id for claim in claims).items():
        requests_by_freed.setdefault(freed, []).append(request_id)
    for freed, request_ids in requests_by_freed.items():
        FeedbackRequest.objects.filter(pk__in=request_ids).update(taken=F("taken") - freed)
    queue_changed(workspace.pk)


def why_lost(request: FeedbackRequest, user: User) -> str:
    """Why the question has no place for this person any more."""
    if Answer.objects.filter(request=request, user=user).exists():
        return "Your answer to this question is in already."
    if request.state == RequestState.WITHDRAWN:
        return (
            "The run of this question was cancelled, or has gone on without it: it needs no answer any more."
        )
    if request.state == RequestState.EXPIRED:
        return "The time to answer this question has run out, and its run has gone on."
    if request.state == RequestState.ANSWERED:
        return "Others have answered this question in the meantime."
    return "Your hold on this question has ended and somebody else has taken it."
