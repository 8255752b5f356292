"""Another version of an answer that is in already. Every version is kept; what was counted is never changed silently.

1. Until the question's effect is complete, the edit counts in place: the item that has read the answer is put to work
   again, with all its calls stored, and reads the new version.
2. After that the edit is late: the answer as it was counted stays, and the new version is counted by a later step.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from optimization.feedback.answers import seconds_kept
from optimization.feedback.errors import FeedbackError
from optimization.feedback.parsing import answer_parse
from optimization.feedback.places import request_lock
from optimization.feedback.settling import announce
from optimization.losses.questions import QUESTION
from optimization.models import Answer, AnswerVersion, FeedbackRequest, Run, Tape, WorkItem, WorkState


def answer_edit(*, answer: Answer, user: User, body: dict[str, Any], seconds: float = 0.0) -> Answer:
    """Give an answer another body. The same body again changes nothing. Raises InvalidAnswer, or FeedbackError."""
    if answer.user_id != user.pk:
        raise FeedbackError("This answer is somebody else's. You can edit your own answers.")
    request = answer.request
    checked = answer_parse(QUESTION.validate_python(request.question), body).model_dump(mode="json")
    with transaction.atomic():
        Run.objects.select_for_update().only("pk").get(pk=request.run_id)
        locked = request_lock(request)
        answer = Answer.objects.select_for_update().get(pk=answer.pk)
        if checked == answer_newest(answer):
            return answer
        counts = not answer.late and item_reread(locked)
        _version_add(answer, checked, seconds_kept(seconds), late=not counts)
        if counts:
            answer.body = checked
            answer.save(update_fields=["body"])
    return answer


def answer_newest(answer: Answer) -> dict[str, Any]:
    """The body of its last version, which may not have been counted yet."""
    last = answer.versions.order_by("-number").first()
    newest: dict[str, Any] = last.body if last else answer.body
    return newest


def item_reread(locked: FeedbackRequest) -> bool:
    """Let the question's item read its answers once more; False if its effect is complete.

    The caller holds the locks of the run and of the question, in this order.
    """
    item = WorkItem.objects.select_for_update().filter(pk=locked.item_id or 0, effect__done_at=None).first()
    if item is None:
        return False
    if item.state == WorkState.WAITING:
        return True
    outcomes = item.result if isinstance(item.result, list) else [item.result]
    Tape.objects.filter(pk__in=[one["tape"] for one in outcomes if one and one.get("tape")]).delete()
    # Whoever works at it right now has read the version before: its fence no longer fits.
    WorkItem.objects.filter(pk=item.pk).update(
        state=WorkState.DUE,
        due_at=Now(),
        lease_until=None,
        result=None,
        done_at=None,
        errors=0,
        reopened=F("reopened") + 1,
    )
    transaction.on_commit(lambda: announce(item.pk, item.run_id))
    for twin in locked.twins.all():
        item_reread(twin)
    return True


def _version_add(answer: Answer, body: dict[str, Any], seconds: float, *, late: bool) -> None:
    last = answer.versions.order_by("-number").first()
    if last is None:
        last = AnswerVersion.objects.create(
            answer=answer,
            number=1,
            body=answer.body,
            seconds=answer.seconds,
            late=answer.late,
            created_at=answer.created_at,
        )
    AnswerVersion.objects.create(
        answer=answer, number=last.number + 1, body=body, seconds=seconds, late=late, created_at=Now()
    )
