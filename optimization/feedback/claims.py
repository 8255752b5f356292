"""Holds on questions: taking the next one, keeping it, giving it back.

1. `claim_next` first returns what the person already holds, then a hold of theirs that lapsed and that nobody took,
   then the first question of the queue (priority, then age), and last of all what they put off.
2. The place is taken by one conditional UPDATE of the question's locked row, which raises `taken` and `fence`.
3. A hold past its time lapses when anybody next asks for work, and its place is free again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now

from optimization.feedback.audience import questions_for
from optimization.feedback.errors import FeedbackError, HoldLost
from optimization.feedback.places import claims_lapse, place_free, place_take, request_lock, why_lost
from optimization.models import Claim, ClaimState, FeedbackRequest, Membership, RequestState, Workspace

KEPT = frozenset({RequestState.OPEN, RequestState.EXPIRED})
"""Questions that their holders may go on with: what they say of one that expired is counted later."""


def hold_time() -> timedelta:
    return timedelta(seconds=settings.CLAIM_SECONDS)


@transaction.atomic
def claim_next(*, workspace: Workspace, user: User) -> Claim | None:
    """The next question for this person, theirs for `hold_time()`; None when nothing waits for them."""
    member, now = _lock_member(workspace, user)
    claims_lapse(workspace=workspace, now=now)
    return _active_hold(member, now) or _lapsed_hold(member, now) or _first_of_queue(member, now)


@transaction.atomic
def claim_renew(*, request: FeedbackRequest, user: User, fence: int) -> Claim:
    """Start the hold's time again. A lapsed one revives while the question has a place, else HoldLost says why not."""
    locked = request_lock(request)
    mine = Claim.objects.annotate(now=Now()).filter(request=locked, user=user, fence=fence).first()
    if mine is None or locked.state not in KEPT or not _is_alive(mine, locked):
        raise HoldLost(why_lost(locked, user))
    _keep(mine, mine.now)
    return mine


@transaction.atomic
def claim_release(*, request: FeedbackRequest, user: User, fence: int) -> None:
    """Put the question off: its place is free at once; its owner is offered it again when nothing else waits."""
    place_free(request_lock(request), Claim.objects.filter(request=request, user=user, fence=fence))


def _lock_member(workspace: Workspace, user: User) -> tuple[Membership, datetime]:
    """The person's membership and the database's time; locked, so that two tabs get one and the same question."""
    members = Membership.objects.select_for_update().annotate(now=Now())
    member = members.filter(workspace=workspace, user=user).first()
    if member is None:
        raise FeedbackError(f"You are not a member of {workspace}. Ask an admin there to add you.")
    return member, member.now


def _active_hold(member: Membership, now: datetime) -> Claim | None:
    mine = _holds(member, ClaimState.ACTIVE).first()
    return _keep(mine, now) if mine else None


def _lapsed_hold(member: Membership, now: datetime) -> Claim | None:
    free = _holds(member, ClaimState.LAPSED).filter(request__taken__lt=F("request__wanted"))
    mine = free.first()
    if mine and (locked := _lock_first(FeedbackRequest.objects.filter(pk=mine.request_id))):
        return _keep(mine, now) if place_take(locked) else None
    return None


def _first_of_queue(member: Membership, now: datetime) -> Claim | None:
    queue = questions_for(member).filter(taken__lt=F("wanted")).order_by("-priority", "id")
    put_off = Claim.objects.filter(request=OuterRef("pk"), user=member.user_id, state=ClaimState.RELEASED)
    question = _lock_first(queue.exclude(Exists(put_off))) or _lock_first(queue)
    if question is None or not place_take(question):
        return None
    return Claim.objects.create(
        request=question, user_id=member.user_id, fence=question.fence, expires_at=now + hold_time()
    )


def _holds(member: Membership, state: ClaimState) -> QuerySet[Claim]:
    return (
        Claim.objects.filter(user=member.user_id, state=state)
        .filter(request__workspace=member.workspace_id, request__state=RequestState.OPEN)
        .select_related("request")
        .order_by("pk")
    )


def _is_alive(claim: Claim, locked: FeedbackRequest) -> bool:
    """Active, or lapsed with its place still free, which is taken again here."""
    return claim.state == ClaimState.ACTIVE or (claim.state == ClaimState.LAPSED and place_take(locked))


def _keep(claim: Claim, now: datetime) -> Claim | None:
    """Extend the claim, unless it was answered or released in this very moment."""
    expires_at = now + hold_time()
    kept = Claim.objects.filter(pk=claim.pk, state=claim.state).update(
        state=ClaimState.ACTIVE, expires_at=expires_at
    )
    claim.state, claim.expires_at = ClaimState.ACTIVE, expires_at
    return claim if kept else None


def _lock_first(requests: QuerySet[FeedbackRequest]) -> FeedbackRequest | None:
    """The first that no other claimant is taking right now, locked."""
    return requests.select_for_update(skip_locked=True).first()
