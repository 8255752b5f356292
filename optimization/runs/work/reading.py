"""The answers that a run reads: a reviewer's decision where there is one, else what the annotators said, weighed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.db.models import QuerySet

from optimization.losses.questions import ANSWER, Answer, weighed
from optimization.models import Answer as AnswerRow
from optimization.models import FeedbackRequest, Membership, RequestState


def answers_read(
    requests: QuerySet[FeedbackRequest],
    *,
    without: Collection[int] = (),
    late: Mapping[str, int] | None = None,
) -> Iterator[tuple[FeedbackRequest, list[Answer] | None]]:
    """Each request with its answers, the oldest first, None while it is open; a twin reads those of the question that
    was asked. A late answer is a later step's, but for those that `late` names, by id with the number of the version
    to read (0: as first given). What the users `without` have answered is left out."""
    found = requests.select_related("run", "adjudication", "twin_of__adjudication").prefetch_related(
        "answers", "twin_of__answers"
    )
    weights: dict[int, dict[int, float]] = {}
    for request in found:
        if request.state not in {RequestState.ANSWERED, RequestState.EXPIRED}:
            yield request, None
            continue
        asked = request.twin_of or request
        if hasattr(asked, "adjudication"):
            yield request, [ANSWER.validate_python(asked.adjudication.body)]
            continue
        if request.run_id not in weights:
            weights[request.run_id] = _weights(request)
        by_person = weights[request.run_id]
        yield (
            request,
            [
                weighed(ANSWER.validate_python(body), by_person.get(answer.user_id, 1.0))
                for answer in sorted(asked.answers.all(), key=lambda answer: answer.pk)
                if (body := _body(answer, late or {})) is not None and answer.user_id not in without
            ],
        )


def _body(answer: AnswerRow, late: Mapping[str, int]) -> dict[str, Any] | None:
    """The version of an answer that is read; None for one that is a later step's."""
    version = late.get(str(answer.pk))
    if version:
        body: dict[str, Any] = answer.versions.get(number=version).body
        return body
    return answer.body if version == 0 or not answer.late else None


def _weights(request: FeedbackRequest) -> dict[int, float]:
    """By person; empty for a run that counts all alike."""
    if not request.run.config.get("people", {}).get("weighted"):
        return {}
    return dict(Membership.objects.filter(workspace=request.workspace_id).values_list("user", "weight"))
