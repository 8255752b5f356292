"""Which output stands where: drawn at random for each person and question, stored, and the same ever after.

Rehearsal colleagues, which are programs without a favourite side, see the order in which the run asked, so that a
rehearsal can be repeated.
"""

from __future__ import annotations

import random
from typing import Any

from django.contrib.auth.models import User

from optimization.losses.questions import ANSWER, QUESTION, Question
from optimization.losses.sides import answer_as_shown, outputs_compared, question_in_order
from optimization.models import Answer, Audience, FeedbackRequest, Showing

chance = random.Random()
COMPARING = ("preference", "ranking")


def question_shown(*, request: FeedbackRequest, user: User) -> Question:
    """The question as this person sees it; the first time, the places of its outputs are drawn."""
    question = QUESTION.validate_python(request.question)
    total = outputs_compared(question)
    if not total or request.audience == Audience.REHEARSAL:
        return question
    order = _mirrored(request, user) or chance.sample(range(total), total)
    showing, _ = Showing.objects.get_or_create(request=request, user=user, defaults={"order": order})
    return question_in_order(question, showing.order)


def _mirrored(request: FeedbackRequest, user: User) -> list[int]:
    """For a mirrored repeat: what this person saw the first time, the other way round."""
    first = Showing.objects.filter(request=request.mirror_of_id, user=user).first()
    return list(reversed(first.order)) if first else []


def order_shown(*, request: FeedbackRequest, user: User) -> list[int]:
    """`order[place]` is the output that this person saw in that place; empty where nothing was arranged for them."""
    if request.kind not in COMPARING:
        return []
    showing = Showing.objects.filter(request=request, user=user).first()
    return list(showing.order) if showing else []


def body_shown(*, answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    """A stored body of an answer in the terms in which its giver saw the question."""
    order = order_shown(request=answer.request, user=answer.user)
    if not order:
        return body
    return answer_as_shown(ANSWER.validate_python(body), order).model_dump(mode="json")
