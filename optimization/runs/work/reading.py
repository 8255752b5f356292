"""The answers that a run reads: a reviewer's decision where there is one, else what the annotators said, weighed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.models import QuerySet

from optimization.losses.questions import ANSWER, Answer, weighed
from optimization.models import FeedbackRequest, Membership, RequestState


def answers_read(
    requests: QuerySet[FeedbackRequest], *, without: Collection[int] = ()
) -> Iterator[tuple[FeedbackRequest, list[Answer] | None]]:
    """Each request with its answers, the oldest first, None while it is open; a twin reads those of the question that
    was asked. A late answer is a later step's, and what the users `without` have answered is left out."""
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
                weighed(ANSWER.validate_python(answer.body), by_person.get(answer.user_id, 1.0))
                for answer in sorted(asked.answers.all(), key=lambda answer: answer.pk)
                if not answer.late and answer.user_id not in without
            ],
        )


def _weights(request: FeedbackRequest) -> dict[int, float]:
    """By person; empty for a run that counts all alike."""
    if not request.run.config.get("people", {}).get("weighted"):
        return {}
    return dict(Membership.objects.filter(workspace=request.workspace_id).values_list("user", "weight"))
