"""What a counterfactual run is lent by the run that it asks about: the answers of one iteration, without one person's.

Its first iteration asks models and people the same as its parent did in that iteration, under the same keys; so it is given
the parent's responses and answers, and nothing is called or asked again. The rows stay the parent's.
"""

from __future__ import annotations

from django.db.models import QuerySet

from optimization.models import Answer, Call, FeedbackRequest, LateReading, RequestState, Run

OVER = (RequestState.ANSWERED, RequestState.EXPIRED)


def lenders(run: Run) -> list[Run]:
    """The runs whose rows are lent to the run's first iteration, the nearest first; none unless it leaves someone out."""
    found: list[Run] = []
    at = run
    while at.without_id is not None and at.forked_at == run.forked_at and at.parent is not None:
        found.append(at.parent)
        at = at.parent
    return found


def left_out(run: Run) -> set[int]:
    """Whose answers count for nothing in the run's first iteration."""
    line = [run, *lenders(run)]
    return {one.without_id for one in line if one.without_id is not None and one.forked_at == run.forked_at}


def lent_calls(run: Run) -> QuerySet[Call]:
    return Call.objects.filter(run__in=lenders(run), iteration=run.forked_at or 0, item__isnull=False)


def lent_requests(run: Run) -> QuerySet[FeedbackRequest]:
    """The questions that are answered, or whose time ran out, whoever answered them."""
    return FeedbackRequest.objects.filter(
        run__in=lenders(run), iteration=run.forked_at or 0, item__isnull=False, state__in=OVER
    )


def lent_answers(run: Run) -> QuerySet[Answer]:
    """The answers that stay, of those that were counted there."""
    return Answer.objects.filter(request__in=lent_requests(run), late=False).exclude(user__in=left_out(run))


def lent_late(run: Run) -> QuerySet[LateReading]:
    """What came late to earlier outputs and was counted by the step there, of those who stay."""
    there = LateReading.objects.filter(run__in=lenders(run), iteration=run.forked_at or 0)
    return there.exclude(answer__user__in=left_out(run)).order_by("pk")


def is_lent_to(run: Run) -> bool:
    """Whether the run is a counterfactual in its first iteration."""
    return run.without_id is not None and run.iteration == run.forked_at
