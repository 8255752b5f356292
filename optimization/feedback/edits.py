"""Another version of an answer that is in already. Every version is kept; what was counted is never changed silently.

1. Until the question's effect is complete, the edit counts in place: the item that has read the answer is put to work
   again, with all its calls stored, and reads the new version.
2. After that the edit is late: the answer as it was counted stays, and the new version is counted by a later step.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from optimization.feedback.answers import seconds_kept
from optimization.feedback.errors import FeedbackError
from optimization.feedback.parsing import answer_parse
from optimization.feedback.places import request_lock
from optimization.feedback.rereading import item_reread, late_reading_add, run_lock
from optimization.feedback.showings import order_shown
from optimization.losses.questions import QUESTION
from optimization.losses.sides import answer_as_asked
from optimization.models import Answer, AnswerVersion, RequestState


def answer_edit(*, answer: Answer, user: User, body: dict[str, Any], seconds: float = 0.0) -> Answer:
    """Give an answer another body, in the terms in which its giver saw the question.

    The same body again changes nothing. Raises InvalidAnswer, or FeedbackError.
    """
    if answer.user_id != user.pk:
        raise FeedbackError("This answer is somebody else's. You can edit your own answers.")
    request = answer.request
    given = answer_parse(QUESTION.validate_python(request.question), body)
    if order := order_shown(request=request, user=user):
        given = answer_as_asked(given, order)
    checked = given.model_dump(mode="json")
    with transaction.atomic():
        run_lock(request)
        locked = request_lock(request)
        answer = Answer.objects.select_for_update().get(pk=answer.pk)
        if checked == answer_newest(answer):
            return answer
        counts = not answer.late and item_reread(locked)
        version = _version_add(answer, checked, seconds_kept(seconds), late=not counts)
        if counts:
            answer.body = checked
            answer.save(update_fields=["body"])
        elif locked.state != RequestState.WITHDRAWN:
            late_reading_add(answer, version.number)
    return answer


def answer_newest(answer: Answer) -> dict[str, Any]:
    """The body of its last version, which may not have been counted yet."""
    last = answer.versions.order_by("-number").first()
    newest: dict[str, Any] = last.body if last else answer.body
    return newest


def _version_add(answer: Answer, body: dict[str, Any], seconds: float, *, late: bool) -> AnswerVersion:
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
    return AnswerVersion.objects.create(
        answer=answer, number=last.number + 1, body=body, seconds=seconds, late=late, created_at=Now()
    )
