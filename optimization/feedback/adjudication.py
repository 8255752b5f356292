"""A reviewer decides where annotators disagree: what the run reads in place of their answers.

1. A disputed question waits for the decision and closes by it.
2. Nobody decides about an answer of their own while there is another reviewer (feedback.reviewers).
3. One that is answered already is read again with the decision while its effect is open; after that the decision is kept
   and shown, and changes nothing that was counted.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from optimization.feedback.errors import FeedbackError
from optimization.feedback.parsing import answer_parse
from optimization.feedback.places import request_lock
from optimization.feedback.rereading import item_reread, run_lock
from optimization.feedback.reviewers import Bench
from optimization.feedback.settling import request_close
from optimization.losses.questions import QUESTION
from optimization.models import Adjudication, Audience, FeedbackRequest, RequestState, Workspace


def requests_disputed(workspace: Workspace) -> QuerySet[FeedbackRequest]:
    """What waits for a reviewer, the most urgent first."""
    disputed = FeedbackRequest.objects.filter(
        workspace=workspace, state=RequestState.DISPUTED, audience=Audience.PEOPLE
    )
    return disputed.select_related("run").prefetch_related("answers__user").order_by("-urgency", "pk")


@transaction.atomic
def request_adjudicate(
    *, request: FeedbackRequest, reviewer: User, body: dict[str, Any], reason: str = ""
) -> Adjudication:
    """Decide a question; a twin is decided with the one that was asked.

    Raises InvalidAnswer, or FeedbackError for one that is not to be decided, or not by them.
    """
    run_lock(request)
    locked = request_lock(request.twin_of or request)
    if locked.state not in {RequestState.DISPUTED, RequestState.ANSWERED} or locked.item_id is None:
        raise FeedbackError(
            "Only a question that was answered can be decided; this one still waits for answers."
        )
    own_answer = Bench.of(locked.workspace, reviewer).has_own_answer(locked)
    decided = answer_parse(QUESTION.validate_python(locked.question), body).model_dump(mode="json")
    in_time = locked.state == RequestState.DISPUTED or item_reread(locked)
    adjudication, _ = Adjudication.objects.update_or_create(
        request=locked,
        defaults={
            "reviewer": reviewer,
            "body": decided,
            "reason": reason.strip(),
            "in_time": in_time,
            "own_answer": own_answer,
        },
    )
    if locked.state == RequestState.DISPUTED:
        request_close(locked)
    return adjudication
