"""Taking answers in: one a person and question, whatever is clicked, retried or sent twice.

1. An answer that this person already gave to the question comes back as it is; nothing is written.
2. The body is checked against the question, and what it says of places is turned into what it says of outputs.
3. Under the question's lock the answer moves into the place of the person's claim. A claim that lapsed still answers
   while the question has a free place; for a withdrawn question the answer is stored and wakes nobody.
4. The last wanted answer closes the question and makes its work item due, in the same transaction.
5. To a question whose time has run out, an answer counts in place while its effect is open: the item reads it again.
   After that it is late, and is counted by a later step.
"""

from __future__ import annotations

import math
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from optimization.feedback.errors import FeedbackError, HoldLost
from optimization.feedback.notices import queue_changed
from optimization.feedback.parsing import answer_parse
from optimization.feedback.places import place_take, request_lock, why_lost
from optimization.feedback.rereading import announce_later, item_reread, late_reading_add, run_lock
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
    WorkItem,
    WorkState,
)

LONGEST_SECONDS = 24 * 3600.0


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
    if given := _already_given(request, user, client_key):
        return given
    checked = answer_parse(QUESTION.validate_python(request.question), body)
    if order := order_shown(request=request, user=user):
        checked = answer_as_asked(checked, order)
    sent = Answer(
        user=user, client_key=client_key, body=checked.model_dump(mode="json"), seconds=seconds_kept(seconds)
    )
    try:
        return _store(request, sent, fence)
    except _TimeRanOut:
        return _store(request, sent, fence, in_time=False)


class _TimeRanOut(Exception):
    """The question expired: its run has to be locked first."""


@transaction.atomic
def _store(request: FeedbackRequest, sent: Answer, fence: int, in_time: bool = True) -> Answer:
    user = sent.user
    if not in_time:
        run_lock(request)
    locked = request_lock(request)
    if given := _already_given(request, user, sent.client_key):
        return given
    expired = locked.state == RequestState.EXPIRED
    if expired and in_time:
        raise _TimeRanOut
    if not _has_place(locked, user, fence):
        raise HoldLost(why_lost(locked, user))
    sent.request, sent.late = locked, expired and not item_reread(locked)
    sent.save(force_insert=True)
    if sent.late:
        late_reading_add(sent)
    Claim.objects.filter(request=locked, user=user, state__in=[ClaimState.ACTIVE, ClaimState.LAPSED]).update(
        state=ClaimState.ANSWERED
    )
    Draft.objects.filter(request=locked, user=user).delete()
    _close_when_complete(locked)
    return sent


def seconds_kept(seconds: float) -> float:
    """A time on task within reason."""
    return min(max(seconds, 0.0), LONGEST_SECONDS) if math.isfinite(seconds) else 0.0


def _already_given(request: FeedbackRequest, user: User, client_key: str) -> Answer | None:
    """In one query, so that an answer stored in between is seen whole or not at all."""
    stored = Answer.objects.filter(Q(request=request) | Q(client_key=client_key), user=user)
    given = {answer.request_id: answer for answer in stored}
    if given and request.pk not in given:
        raise FeedbackError("This client key already belongs to another of your answers; send a new one.")
    return given.get(request.pk)


def _has_place(locked: FeedbackRequest, user: User, fence: int) -> bool:
    """Whether the person once held the question under this fence, and still does or finds a place free."""
    held = Claim.objects.filter(request=locked, user=user)
    if not held.filter(fence=fence).exists():
        return False
    if (
        locked.state in {RequestState.WITHDRAWN, RequestState.EXPIRED}
        or held.filter(state=ClaimState.ACTIVE).exists()
    ):
        return True
    return place_take(locked)


def _close_when_complete(locked: FeedbackRequest) -> None:
    over = locked.state not in {RequestState.OPEN, RequestState.EXPIRED}
    if over or locked.answers.filter(late=False).count() < locked.wanted:
        return
    FeedbackRequest.objects.filter(pk=locked.pk).update(
        state=RequestState.ANSWERED, answered_at=Now(), stand_in="", stood_in=None
    )
    WorkItem.objects.filter(feedback_requests=locked, state=WorkState.WAITING).update(
        state=WorkState.DUE, due_at=Now()
    )
    queue_changed(locked.workspace_id)
    announce_later(locked.item_id, locked.run_id)
