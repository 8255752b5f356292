"""Taking answers in: one a person and question, whatever is clicked, retried or sent twice.

1. An answer that this person already gave to the question comes back as it is; nothing is written. It is looked for where
   the new one does not go in: the schema has a place for one only.
2. The body is checked against the question, and what it says of places is turned into what it says of outputs.
3. Under the question's lock the answer moves into the place of the person's claim: what they hold under the fence has no
   answer yet. A claim that lapsed still answers
   while the question has a free place; for a withdrawn question the answer is stored and wakes nobody.
4. The last wanted answer settles the question, in the same transaction (feedback.settling).
5. To a question whose time has run out, an answer counts in place while its effect is open: the item reads it again.
   After that it is late, and is counted by a later step.
"""

from __future__ import annotations

import math
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, Q, QuerySet

from optimization.feedback.errors import FeedbackError, HoldLost, InvalidAnswer
from optimization.feedback.gold import mirror_release
from optimization.feedback.parsing import answer_parse
from optimization.feedback.places import place_take, request_lock, why_lost
from optimization.feedback.rereading import item_reread, late_reading_add, run_lock
from optimization.feedback.settling import request_settle
from optimization.feedback.showings import order_shown
from optimization.losses.questions import QUESTION
from optimization.losses.sides import answer_as_asked
from optimization.models import (
    Answer,
    Claim,
    ClaimState,
    Draft,
    FeedbackRequest,
    RequestState,
)
from optimization.models.prepared import Prepared, PreparedDelete, PreparedInsert, PreparedUpdate

LONGEST_SECONDS = 24 * 3600.0
_GIVEN: Prepared[Answer] = Prepared(
    lambda request, user, key_text: Answer.objects.filter(
        Q(request=request) | Q(client_key=key_text), user=user
    ),
    *("request", "user", "key_text"),
)
_INSERT = PreparedInsert(Answer)


def _own_claims(request: int, user: int) -> QuerySet[Claim]:
    return Claim.objects.filter(request=request, user=user, state__in=[ClaimState.ACTIVE, ClaimState.LAPSED])


def _claims_held(request: int, user: int, fence: int) -> QuerySet[Claim]:
    """All of the person's claims if they hold the question under this fence, else none."""
    own = Claim.objects.filter(request=request, user=user)
    return _own_claims(request, user).filter(Exists(own.filter(fence=fence, state=ClaimState.ACTIVE)))


_HELD = PreparedUpdate(_claims_held, "request", "user", "fence", state=ClaimState.ANSWERED)
_ANSWERED = PreparedUpdate(_own_claims, "request", "user", state=ClaimState.ANSWERED)
_HOLDS: Prepared[Claim] = Prepared(
    lambda request, user: Claim.objects.filter(request=request, user=user), "request", "user"
)
_FORGET = PreparedDelete(
    lambda request, user: Draft.objects.filter(request=request, user=user), "request", "user"
)


def answer_submit(
    *,
    request: FeedbackRequest,
    user: User,
    fence: int,
    client_key: str,
    body: dict[str, Any],
    seconds: float = 0.0,
) -> Answer:
    """Store a person's answer. Raises InvalidAnswer, or HoldLost when the question has no place for it any more.

    `fence` is the claim's, `client_key` made once for each answer by whoever sends it.
    """
    try:
        checked = answer_parse(QUESTION.validate_python(request.question), body)
    except InvalidAnswer:
        if given := _already_given(request, user, client_key):
            return given
        raise
    if order := order_shown(request=request, user=user):
        checked = answer_as_asked(checked, order)
    sent = Answer(
        user=user, client_key=client_key, body=checked.model_dump(mode="json"), seconds=seconds_kept(seconds)
    )
    try:
        return _store(request, sent, fence)
    except _TimeRanOut:
        return _store(request, sent, fence, in_time=False)
    except IntegrityError:
        if given := _already_given(request, user, client_key):
            return given
        raise


class _TimeRanOut(Exception):
    """The question expired: its run has to be locked first."""


@transaction.atomic
def _store(request: FeedbackRequest, sent: Answer, fence: int, in_time: bool = True) -> Answer:
    user = sent.user
    if not in_time:
        run_lock(request)
    locked = request_lock(request)
    expired = locked.state == RequestState.EXPIRED
    if expired and in_time:
        raise _TimeRanOut
    if not _HELD(request=locked.pk, user=user.pk, fence=fence):
        if given := _already_given(request, user, sent.client_key):
            return given
        if not _has_place(locked, user, fence):
            raise HoldLost(why_lost(locked, user))
        _ANSWERED(request=locked.pk, user=user.pk)
    sent.request, sent.late = locked, expired and not item_reread(locked)
    _INSERT(sent)
    if sent.late:
        late_reading_add(sent)
    _FORGET(request=locked.pk, user=user.pk)
    mirror_release(locked, user)
    request_settle(locked)
    return sent


def seconds_kept(seconds: float) -> float:
    """A time on task within reason."""
    return min(max(seconds, 0.0), LONGEST_SECONDS) if math.isfinite(seconds) else 0.0


def _already_given(request: FeedbackRequest, user: User, client_key: str) -> Answer | None:
    """In one query, so that an answer stored in between is seen whole or not at all."""
    stored = _GIVEN(request=request.pk, user=user.pk, key_text=client_key)
    given = {answer.request_id: answer for answer in stored}
    if given and request.pk not in given:
        raise FeedbackError("This client key already belongs to another of your answers; send a new one.")
    return given.get(request.pk)


def _has_place(locked: FeedbackRequest, user: User, fence: int) -> bool:
    """Whether the person once held the question under this fence, and still does or finds a place free."""
    states = {claim.fence: claim.state for claim in _HOLDS(request=locked.pk, user=user.pk)}
    if fence not in states:
        return False
    if locked.state in {RequestState.WITHDRAWN, RequestState.EXPIRED} or ClaimState.ACTIVE in states.values():
        return True
    return place_take(locked)
