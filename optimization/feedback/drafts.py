"""What a person has typed so far, kept until they answer."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import User

from optimization.feedback.errors import FeedbackError
from optimization.llm.texts import storable
from optimization.models import Answer, Draft, FeedbackRequest
from optimization.models.prepared import Prepared

LIMIT_BYTES = 64_000
_DRAFT: Prepared[Draft] = Prepared(
    lambda request, user: Draft.objects.filter(request=request, user=user), "request", "user"
)


def draft_save(*, request: FeedbackRequest, user: User, body: dict[str, Any]) -> None:
    """Keep `body`, an unfinished answer, in place of the one before; once the answer is in, nothing is kept."""
    if len(json.dumps(body)) > LIMIT_BYTES:
        raise FeedbackError(
            f"The draft is longer than {LIMIT_BYTES // 1000} kB and was not saved. Shorten it."
        )
    if not Answer.objects.filter(request=request, user=user).exists():
        Draft.objects.update_or_create(request=request, user=user, defaults={"body": storable(body)})


def draft_load(*, request: FeedbackRequest, user: User) -> dict[str, Any]:
    """What was kept last; empty when nothing was."""
    draft = _DRAFT.first(request=request.pk, user=user.pk)
    return draft.body if draft else {}
