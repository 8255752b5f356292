"""Passing a question on, and taking that back."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from optimization.feedback.claims import hold_time
from optimization.feedback.errors import HoldLost
from optimization.feedback.lanes import waiting
from optimization.feedback.places import place_free, place_take, request_lock
from optimization.models import Claim, ClaimState, FeedbackRequest, Skip, Workspace


@transaction.atomic
def request_skip(*, request: FeedbackRequest, user: User, reason: str = "") -> Skip:
    """Pass the question on to others: it is not offered to this person again. A second skip changes nothing."""
    locked = request_lock(request)
    skip, _ = Skip.objects.get_or_create(request=locked, user=user, defaults={"reason": reason[:400]})
    place_free(locked, Claim.objects.filter(request=locked, user=user))
    return skip


@transaction.atomic
def skip_undo(*, request: FeedbackRequest, user: User) -> Claim:
    """The question is the person's after all, and comes first: what they held is reserved for after it.

    Raises HoldLost where others have taken it or it is closed by now; the skip then stands.
    """
    locked = request_lock(request)
    skipped = Skip.objects.filter(request=locked, user=user)
    if not skipped.exists():
        raise HoldLost("You have not passed this question on.")
    if not place_take(locked):
        raise HoldLost("Others have taken or answered this question in the meantime.")
    skipped.delete()
    now = FeedbackRequest.objects.annotate(now=Now()).values_list("now", flat=True).get(pk=locked.pk)
    Claim.objects.filter(
        user=user, state=ClaimState.ACTIVE, ahead=False, request__workspace=locked.workspace_id
    ).update(ahead=True)
    return _hold_again(locked, user, now + hold_time())


def _hold_again(locked: FeedbackRequest, user: User, expires_at: datetime) -> Claim:
    """The hold that the skip ended, under a new fence: it keeps its place before what was reserved after it."""
    ended = Claim.objects.filter(request=locked, user=user, state=ClaimState.RELEASED)
    claim = ended.order_by("pk").last() or Claim(request=locked, user=user)
    claim.state, claim.ahead = ClaimState.ACTIVE, False
    claim.fence, claim.expires_at = locked.fence, expires_at
    claim.save()
    return claim


def skips_of(*, workspace: Workspace, user: User) -> QuerySet[Skip]:
    """What a person has passed on and could still take back, the newest first."""
    open_ones = waiting().filter(workspace=workspace)
    own = Skip.objects.filter(user=user, request__in=open_ones)
    return own.select_related("request__run").order_by("-pk")
