"""Questions to people: opened by a run, withdrawn with it."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.db.models.functions import Now

from optimization.feedback.gold import checks_mix
from optimization.feedback.lanes import LANE_OF_AUDIENCE, NOBODY
from optimization.feedback.notices import queue_changed
from optimization.feedback.places import request_lock
from optimization.losses.questions import Question
from optimization.models import (
    Audience,
    FeedbackRequest,
    RequestState,
    Run,
    Skip,
    WorkItem,
)
from optimization.models.feedback import NEVER


def request_open(
    *,
    item: WorkItem,
    key: str,
    question: Question,
    audience: str = Audience.PEOPLE,
    within: timedelta | None = None,
    gold: float = 0.0,
    mirrored: float = 0.0,
    **terms: Any,
) -> FeedbackRequest:
    """Put a question of a work item to people, who have `within` to answer; asking again under the same key returns
    the first request.

    A share `gold` and `mirrored` of the questions has a check beside it (feedback.gold). `terms` are the row's: lane,
    wanted, most, per_person, review_below, priority, deadline. A question that the iteration has asked already, word for
    word, becomes that one's twin and is put to nobody. Call it in the transaction that parks the item, so that nobody
    answers before the item waits.
    """
    asked = question.model_dump(mode="json")
    digest = question_digest(asked, audience)
    same = FeedbackRequest.objects.filter(run=item.run_id, digest=digest, iteration=item.effect.iteration)
    if taken_over := _take_over(
        same.filter(item=None, audience=audience).exclude(key=key).first(), item, key
    ):
        return taken_over
    twin = same.filter(twin_of=None).exclude(key=key).first()
    lane = terms.pop("lane", LANE_OF_AUDIENCE[audience])
    request, opened = FeedbackRequest.objects.get_or_create(
        run=item.run,
        key=key,
        defaults={
            "workspace_id": item.run.workspace_id,
            "item": item,
            "iteration": item.effect.iteration,
            "kind": question.kind,
            "question": asked,
            "audience": audience,
            "lane": NOBODY if twin else lane,
            "urgency": item.run.urgency,
            "digest": digest,
            "twin_of": twin,
            "state": RequestState.ANSWERED if _is_answered(twin) else RequestState.OPEN,
            "deadline": NEVER if within is None else Now() + within,
            **terms,
        },
    )
    if opened:
        if item.run.without is not None:
            reason = "The run asks what would be without this person."
            Skip.objects.create(request=request, user=item.run.without, reason=reason)
        checks_mix(request, gold=gold, mirrored=mirrored)
        queue_changed(request.workspace_id)
    return request


def _take_over(left: FeedbackRequest | None, item: WorkItem, key: str) -> FeedbackRequest | None:
    """A question that an iteration begun anew has left behind, asked again from elsewhere in the same words: it goes on
    under its new key, with the answers that it has."""
    if left is None or FeedbackRequest.objects.filter(run=item.run_id, key=key).exists():
        return None
    FeedbackRequest.objects.filter(pk=left.pk).update(item=item, key=key)
    return request_lock(left)


def question_digest(asked: dict[str, Any], audience: str) -> str:
    """The same for questions that look the same to those who are asked."""
    return sha256(json.dumps([audience, asked], sort_keys=True).encode()).hexdigest()


def _is_answered(twin: FeedbackRequest | None) -> bool:
    """Read under the twin's lock, so that one that closes in this moment is seen, or sees the new one."""
    return twin is not None and request_lock(twin).state == RequestState.ANSWERED


def requests_withdraw(*, run: Run) -> int:
    """Take a cancelled run's open questions out of the queue; what people still send for them is kept, not used."""
    waiting = run.feedback_requests.filter(state__in=[RequestState.OPEN, RequestState.DISPUTED])
    withdrawn = waiting.update(state=RequestState.WITHDRAWN)
    if withdrawn:
        queue_changed(run.workspace_id)
    return withdrawn


def requests_left_withdraw(*, run: Run) -> None:
    """At the end of an iteration that was begun anew: what nothing in it asks any more leaves the queue."""
    left = run.feedback_requests.filter(iteration=run.iteration, item=None, state=RequestState.OPEN)
    if left.update(state=RequestState.WITHDRAWN):
        queue_changed(run.workspace_id)
