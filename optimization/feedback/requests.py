"""Questions to people: opened by a run, withdrawn with it, passed on by a person."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from optimization.feedback.notices import queue_changed
from optimization.feedback.places import place_free, request_lock
from optimization.losses.questions import Question
from optimization.models import (
    Audience,
    Claim,
    FeedbackRequest,
    RequestState,
    Run,
    Skip,
    WorkItem,
)


def request_open(
    *,
    item: WorkItem,
    key: str,
    question: Question,
    audience: str = Audience.PEOPLE,
    wanted: int = 1,
    priority: float = 0.0,
    within: timedelta | None = None,
) -> FeedbackRequest:
    """Put a question of a work item to people, who have `within` to answer; asking again under the same key returns
    the first request.

    Call it in the transaction that parks the item, so that nobody answers before the item waits.
    """
    request, opened = FeedbackRequest.objects.get_or_create(
        run=item.run,
        key=key,
        defaults={
            "workspace_id": item.run.workspace_id,
            "item": item,
            "iteration": item.effect.iteration,
            "kind": question.kind,
            "question": question.model_dump(mode="json"),
            "audience": audience,
            "wanted": wanted,
            "priority": priority,
            "due_at": None if within is None else Now() + within,
        },
    )
    if opened:
        queue_changed(request.workspace_id)
    return request


def requests_withdraw(*, run: Run) -> int:
    """Take a cancelled run's open questions out of the queue; what people still send for them is kept, not used."""
    withdrawn = run.feedback_requests.filter(state=RequestState.OPEN).update(state=RequestState.WITHDRAWN)
    if withdrawn:
        queue_changed(run.workspace_id)
    return withdrawn


def requests_left_withdraw(*, run: Run) -> None:
    """At the end of an iteration that was begun anew: what nothing in it asks any more leaves the queue."""
    left = run.feedback_requests.filter(iteration=run.iteration, item=None, state=RequestState.OPEN)
    if left.update(state=RequestState.WITHDRAWN):
        queue_changed(run.workspace_id)


@transaction.atomic
def request_skip(*, request: FeedbackRequest, user: User, reason: str = "") -> Skip:
    """Pass the question on to others: it is not offered to this person again. A second skip changes nothing."""
    locked = request_lock(request)
    skip, _ = Skip.objects.get_or_create(request=locked, user=user, defaults={"reason": reason[:400]})
    place_free(locked, Claim.objects.filter(request=locked, user=user))
    return skip
