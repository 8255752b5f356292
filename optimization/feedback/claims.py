"""Holds on questions: taking the next one, keeping it, giving it back.

1. `claim_next` first returns what the person already holds, then a hold of theirs that lapsed and that nobody took,
   then the first question of their lanes (feedback.lanes), and last of all what they put off.
2. The place is taken by one conditional UPDATE of the question's locked row, which raises `taken` and `fence`.
3. A hold past its time lapses when anybody next asks for work, and its place is free again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from optimization.feedback.audience import questions_for
from optimization.feedback.errors import FeedbackError, HoldLost
from optimization.feedback.lanes import ORDER, lanes_of, place_in_order, with_lanes
from optimization.feedback.places import claims_lapse, place_free, place_take, request_lock, why_lost
from optimization.models import (
    Answer,
    Claim,
    ClaimState,
    FeedbackRequest,
    Membership,
    RequestState,
    Workspace,
)


def hold_time() -> timedelta:
    return timedelta(seconds=settings.CLAIM_SECONDS)


@transaction.atomic
def claim_next(*, workspace: Workspace, user: User) -> Claim | None:
    """The next question for this person, theirs for `hold_time()`; None when nothing waits for them."""
    member, now = _lock_member(workspace, user)
    claims_lapse(workspace=workspace, now=now)
    return _own_hold(member, now) or _first_of_queue(member, now)


@transaction.atomic
def claim_renew(*, request: FeedbackRequest, user: User, fence: int) -> Claim:
    """Start the hold's time again. A lapsed one revives while the question has a place, else HoldLost says why not."""
    locked = request_lock(request)
    mine = Claim.objects.annotate(now=Now()).filter(request=locked, user=user, fence=fence).first()
    if mine is None or locked.state != RequestState.OPEN or not _is_alive(mine, locked):
        raise HoldLost(why_lost(locked, user))
    _keep(mine, mine.now)
    return mine


@transaction.atomic
def claim_release(*, request: FeedbackRequest, user: User, fence: int) -> None:
    """Put the question off: its place is free at once; its owner is offered it again when nothing else waits."""
    place_free(request_lock(request), Claim.objects.filter(request=request, user=user, fence=fence))


def _lock_member(workspace: Workspace, user: User) -> tuple[Membership, datetime]:
    """The person's membership and the database's time; locked, so that two tabs get one and the same question."""
    members = with_lanes(Membership.objects.select_for_update()).annotate(now=Now())
    member = members.filter(workspace=workspace, user=user).first()
    if member is None:
        raise FeedbackError(f"You are not a member of {workspace}. Ask an admin there to add you.")
    return member, member.now


def _own_hold(member: Membership, now: datetime) -> Claim | None:
    """What the person holds, else a hold of theirs that lapsed and that nobody took."""
    holds = list(
        Claim.objects.filter(user=member.user_id, state__in=[ClaimState.ACTIVE, ClaimState.LAPSED])
        .filter(request__workspace=member.workspace_id, request__state=RequestState.OPEN)
        .select_related("request")
        .order_by("pk")
    )
    if active := next((hold for hold in holds if hold.state == ClaimState.ACTIVE), None):
        return _keep(active, now)
    free = next((hold for hold in holds if hold.request.taken < hold.request.wanted), None)
    if free and (locked := _lock_first(FeedbackRequest.objects.filter(pk=free.request_id))):
        return _keep(free, now) if place_take(locked) else None
    return None


def _first_of_queue(member: Membership, now: datetime) -> Claim | None:
    own = Claim.objects.filter(request=OuterRef("pk"), user=member.user_id)
    fresh = ~Exists(own.filter(state__in=[ClaimState.RELEASED, ClaimState.ACTIVE]))
    question = _first_allowed(member, Q(fresh)) or _first_allowed(member, Q())
    if question is None or not place_take(question):
        return None
    return Claim.objects.create(
        request=question, user_id=member.user_id, fence=question.fence, expires_at=now + hold_time()
    )


def _first_allowed(member: Membership, which: Q) -> FeedbackRequest | None:
    """The first of all lanes, locked, of a run in which the person's share is not used up."""
    used_up: list[int] = []
    while True:
        heads = [
            _lock_first(questions_for(member, [lane]).filter(which).exclude(run__in=used_up).order_by(*ORDER))
            for lane in lanes_of(member)
        ]
        found = [head for head in heads if head]
        if not found:
            return None
        first = min(found, key=place_in_order)
        if first.per_person is None or _share(member, first.run_id) < first.per_person:
            return first
        used_up.append(first.run_id)


def _share(member: Membership, run_id: int) -> int:
    """How many of a run's questions the person has answered."""
    return Answer.objects.filter(user=member.user_id, request__run=run_id).count()


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
