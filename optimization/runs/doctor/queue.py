"""Questions: their answers, and their places."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now

from optimization.feedback.places import request_lock
from optimization.feedback.services import requests_withdraw
from optimization.models import ClaimState, FeedbackRequest, RequestState, Run, RunState, WorkItem, WorkState
from optimization.runs.doctor.findings import Finding
from optimization.runs.words import counted


def questions(runs: QuerySet[Run]) -> Iterator[Finding]:
    asked = FeedbackRequest.objects.filter(run__in=runs).select_related("run")
    full = asked.annotate(given=Count("answers")).filter(given__gte=F("wanted"), state=RequestState.OPEN)
    for request in full:
        yield Finding(
            f"Question {request.pk} has its {counted(request.given, 'answer')} and is still open.",
            request.run,
            partial(_close, request),
        )
    over = runs.filter(state__in=[RunState.CANCELLED, RunState.FINISHED])
    left = over.annotate(
        open_ones=Count("feedback_requests", filter=Q(feedback_requests__state=RequestState.OPEN))
    )
    for run in left.filter(open_ones__gt=0):
        yield Finding(
            f"It is over, and {counted(run.open_ones, 'question')} of it still wait for people.",
            run,
            partial(requests_withdraw, run=run),
        )


def places(runs: QuerySet[Run]) -> Iterator[Finding]:
    asked = FeedbackRequest.objects.filter(run__in=runs, state=RequestState.OPEN).select_related("run")
    held = asked.annotate(
        claims_held=Count("claims", filter=Q(claims__state=ClaimState.ACTIVE), distinct=True),
        given=Count("answers", distinct=True),
    )
    for request in held.exclude(taken=F("claims_held") + F("given")):
        really = request.claims_held + request.given
        yield Finding(
            f"{request.taken} places of question {request.pk} count as taken, and {really} are.",
            request.run,
            partial(_recount, request),
        )


@transaction.atomic
def _close(request: FeedbackRequest) -> bool:
    """As its last answer should have done."""
    locked = request_lock(request)
    if locked.state != RequestState.OPEN or locked.answers.count() < locked.wanted:
        return False
    FeedbackRequest.objects.filter(pk=locked.pk).update(state=RequestState.ANSWERED, answered_at=Now())
    WorkItem.objects.filter(feedback_requests=locked, state=WorkState.WAITING).update(
        state=WorkState.DUE, due_at=Now()
    )
    return True


@transaction.atomic
def _recount(request: FeedbackRequest) -> bool:
    locked = request_lock(request)
    really = locked.claims.filter(state=ClaimState.ACTIVE).count() + locked.answers.count()
    return really <= locked.wanted and bool(
        FeedbackRequest.objects.filter(pk=locked.pk, taken=locked.taken).update(taken=really)
    )
