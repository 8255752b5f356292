"""Holds on questions: taking the next one, keeping it, giving it back.

1. `claim_next` first returns what the person already holds, then a hold of theirs that lapsed and that nobody took,
   then the first question of their lanes (feedback.lanes), then what they put off, and last of all what somebody else
   has only reserved (feedback.ahead).
2. The place is taken by one conditional UPDATE of the question's locked row, which raises `taken` and `fence`.
3. A hold past its time lapses when anybody next asks for work, and its place is free again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from optimization.feedback.ahead import (
    MOST_AHEAD,
    reservation_take_over,
    reservations_by_others,
    reservations_of,
)
from optimization.feedback.audience import questions_in
from optimization.feedback.errors import FeedbackError, HoldLost
from optimization.feedback.lanes import ORDER, lanes_of, person_lane, place_in_order, with_lanes
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
from optimization.models.prepared import Prepared, PreparedInsert

KEPT = frozenset({RequestState.OPEN, RequestState.EXPIRED})
"""Questions that their holders may go on with: what they say of one that expired is counted later."""


def hold_time() -> timedelta:
    return timedelta(seconds=settings.CLAIM_SECONDS)


@transaction.atomic
def claim_next(*, workspace: Workspace, user: User) -> Claim | None:
    """The next question for this person, theirs for `hold_time()`; None when nothing waits for them."""
    member, now = _lock_member(workspace, user)
    if member.has_overdue:
        claims_lapse(workspace=workspace, now=now)
    claim = _own_hold(member, now) or _first_of_queue(member, now) or _reserved_by_others(member, now)
    if claim is not None:
        claim.user = user
    return claim


@transaction.atomic
def claim_ahead(*, workspace: Workspace, user: User, place: int = 1) -> Claim | None:
    """The question that comes `place` after the one in hand, 1 to MOST_AHEAD, reserved if it is not yet; None where
    nothing is held, the ones before it are not reserved, or nothing else waits."""
    member, now = _lock_member(workspace, user)
    held = _RESERVED(user=user.pk, workspace=workspace.pk)
    if not held or not 1 <= place <= min(len(held), MOST_AHEAD):
        return None
    if place < len(held):
        return held[place]
    return _first_of_queue(member, now, ahead=True)


@transaction.atomic
def claim_renew(*, request: FeedbackRequest, user: User, fence: int) -> Claim:
    """Start the hold's time again. A lapsed one revives while the question has a place, else HoldLost says why not."""
    locked = request_lock(request)
    mine = Claim.objects.annotate(now=Now()).filter(request=locked, user=user, fence=fence).first()
    if mine is None or locked.state not in KEPT or not _is_alive(mine, locked):
        raise HoldLost(why_lost(locked, user))
    _keep(mine, mine.now)
    reserved = Claim.objects.filter(user=user, state=ClaimState.ACTIVE, ahead=True)
    reserved.filter(request__workspace=locked.workspace_id).update(expires_at=mine.expires_at)
    return mine


@transaction.atomic
def claim_release(*, request: FeedbackRequest, user: User, fence: int) -> None:
    """Put the question off: its place is free at once; its owner is offered it again when nothing else waits."""
    place_free(request_lock(request), Claim.objects.filter(request=request, user=user, fence=fence))


class Claimant(Protocol):
    """A membership as `_CLAIMANT` reads it, locked, so that two tabs of a person get one and the same question."""

    pk: int
    workspace_id: int
    user_id: int
    is_rehearsal: bool
    has_panel: bool
    has_own: bool
    has_overdue: bool
    now: datetime


def _claimants(workspace: int, user: int, own_text: str) -> QuerySet[Membership]:
    """The membership with the database's time and what is worth a look.

    On PostgreSQL the flags are as old as the wait for the lock; what the lock is for, the holds, is read after it.
    """
    return (
        with_lanes(Membership.objects.select_for_update(of=("self",)), own_text)
        .annotate(
            now=Now(),
            has_overdue=Exists(Claim.objects.filter(state=ClaimState.ACTIVE, expires_at__lt=Now())),
        )
        .filter(workspace=workspace, user=user)
    )


def _holds(workspace: int, user: int) -> QuerySet[Claim]:
    """What the person holds or has let lapse, of open questions."""
    alive = Claim.objects.filter(user=user, state__in=[ClaimState.ACTIVE, ClaimState.LAPSED])
    asked = alive.filter(request__workspace=workspace, request__state=RequestState.OPEN)
    return asked.select_related("request").order_by("ahead", "pk")


def _fresh(workspace: int, user: int, lane_text: str) -> QuerySet[FeedbackRequest]:
    """The head of a lane for a person: the first that nobody else is taking right now and that they did not put off."""
    own = Claim.objects.filter(request=OuterRef("pk"), user=user)
    held = Exists(own.filter(state__in=[ClaimState.RELEASED, ClaimState.ACTIVE]))
    return _any(workspace, user, Q(~held, lane=lane_text))


def _any(workspace: int, user: int, which: Q) -> QuerySet[FeedbackRequest]:
    rows = questions_in(which, workspace, user).order_by(*ORDER)
    return rows.select_for_update(skip_locked=True, of=("self",))


_INSERT = PreparedInsert(Claim)
_CLAIMANT: Prepared[Membership] = Prepared(_claimants, "workspace", "user", "own_text")
_HOLDS: Prepared[Claim] = Prepared(_holds, "workspace", "user")
_RESERVED: Prepared[Claim] = Prepared(
    lambda user, workspace: reservations_of(user, workspace)[: MOST_AHEAD + 1], "user", "workspace"
)
_HEAD: Prepared[FeedbackRequest] = Prepared(lambda **who: _fresh(**who)[:1], "workspace", "user", "lane_text")


def _lock_member(workspace: Workspace, user: User) -> tuple[Claimant, datetime]:
    member: Any = _CLAIMANT.first(workspace=workspace.pk, user=user.pk, own_text=person_lane(user.pk))
    if member is None:
        raise FeedbackError(f"You are not a member of {workspace}. Ask an admin there to add you.")
    return member, member.now


def _own_hold(member: Claimant, now: datetime) -> Claim | None:
    """What the person holds, else a hold of theirs that lapsed and that nobody took."""
    holds = _HOLDS(workspace=member.workspace_id, user=member.user_id)
    active = [hold for hold in holds if hold.state == ClaimState.ACTIVE]
    # What another person takes over in this very moment is not kept; what comes after it may be.
    if kept := next(filter(None, (_keep(hold, now) for hold in active)), None):
        return kept
    lapsed = (hold for hold in holds if hold.state == ClaimState.LAPSED)
    free = next((hold for hold in lapsed if hold.request.taken < hold.request.wanted), None)
    if free and (locked := _lock_first(FeedbackRequest.objects.filter(pk=free.request_id))):
        return _keep(free, now) if place_take(locked) else None
    return None


def _first_of_queue(member: Claimant, now: datetime, ahead: bool = False) -> Claim | None:
    question = _first_fresh(member) or _first_put_off(member)
    if question is None or not place_take(question):
        return None
    expires_at = now + hold_time()
    return _INSERT(
        Claim(
            request=question,
            user_id=member.user_id,
            fence=question.fence,
            expires_at=expires_at,
            ahead=ahead,
        )
    )


def _first_fresh(member: Claimant) -> FeedbackRequest | None:
    """The first of all lanes, of a run in which the person's share is not used up."""
    lanes = lanes_of(member)
    heads = [
        _HEAD.first(workspace=member.workspace_id, user=member.user_id, lane_text=lane) for lane in lanes
    ]
    return _allowed(member, [head for head in heads if head]) if any(heads) else None


def _allowed(member: Claimant, heads: list[FeedbackRequest]) -> FeedbackRequest | None:
    """The first of the heads; where it belongs to a run that the person has done enough for, the next without it."""
    used_up: list[int] = []
    while heads:
        first = min(heads, key=place_in_order)
        if first.per_person is None or _share(member, first.run_id) < first.per_person:
            return first
        used_up.append(first.run_id)
        heads = [head for head in heads if head.run_id not in used_up]
        further = _fresh(member.workspace_id, member.user_id, first.lane).exclude(run__in=used_up).first()
        heads += [further] if further else []
    return None


def _first_put_off(member: Claimant) -> FeedbackRequest | None:
    which = Q(~Exists(_own_active(member)), lane__in=lanes_of(member))
    return _allowed(member, list(_any(member.workspace_id, member.user_id, which)[:1]))


def _own_active(member: Claimant) -> QuerySet[Claim]:
    """What the person holds or has reserved of a question."""
    return Claim.objects.filter(request=OuterRef("pk"), user=member.user_id, state=ClaimState.ACTIVE)


def _reserved_by_others(member: Claimant, now: datetime) -> Claim | None:
    """A question that somebody else has reserved and not begun, where nothing else waits for this person."""
    which = Q(~Exists(_own_active(member)), lane__in=lanes_of(member))
    reserved = FeedbackRequest.objects.filter(
        state=RequestState.OPEN, claims__in=reservations_by_others(member.user_id)
    )
    asked = questions_in(which, member.workspace_id, member.user_id, among=reserved)
    shares = asked.exclude(per_person=None).values_list("run", "per_person").distinct()
    used_up = [run for run, share in shares if share is not None and _share(member, run) >= share]
    questions = asked.exclude(run__in=used_up).order_by(*ORDER)
    return reservation_take_over(questions, member.user_id, now + hold_time())


def _share(member: Claimant, run_id: int) -> int:
    """How many of a run's questions the person has answered."""
    return Answer.objects.filter(user=member.user_id, request__run=run_id).count()


def _is_alive(claim: Claim, locked: FeedbackRequest) -> bool:
    """Active, or lapsed with its place still free, which is taken again here."""
    return claim.state == ClaimState.ACTIVE or (claim.state == ClaimState.LAPSED and place_take(locked))


def _keep(claim: Claim, now: datetime) -> Claim | None:
    """Extend the claim, unless it was answered or released in this very moment."""
    expires_at = now + hold_time()
    kept = Claim.objects.filter(pk=claim.pk, state=claim.state).update(
        state=ClaimState.ACTIVE, expires_at=expires_at, ahead=False
    )
    claim.state, claim.expires_at, claim.ahead = ClaimState.ACTIVE, expires_at, False
    return claim if kept else None


def _lock_first(requests: QuerySet[FeedbackRequest]) -> FeedbackRequest | None:
    """The first that no other claimant is taking right now, locked."""
    return requests.select_for_update(skip_locked=True).first()
