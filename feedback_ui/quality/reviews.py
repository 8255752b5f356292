"""The reviewer's page: one disagreement at a time, what annotators said of it, and the decision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from feedback_ui.judge.submission import Submission
from feedback_ui.quality.dispute import Dispute
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.adjudication import requests_disputed
from optimization.feedback.errors import FeedbackError, InvalidAnswer
from optimization.feedback.quality.words import subject_of
from optimization.feedback.reviewers import Bench, Divided, people_in
from optimization.feedback.services import gold_keep, request_adjudicate
from optimization.losses.questions import ANSWER
from optimization.models import Adjudication, Answer, FeedbackRequest, RequestState

NOT_THEIRS = 20


@dataclass(frozen=True)
class NotTheirs:
    """A disagreement in which the reviewer's own answer stands, and who can decide it."""

    run: str
    subject: str
    who_can: str


@requires(Action.FEEDBACK_REVIEW)
@require_safe
def reviews(request: WorkspaceRequest) -> HttpResponse:
    """The most urgent disagreement, and how many wait behind it."""
    return _page(request)


@requires(Action.FEEDBACK_REVIEW)
@require_POST
def decide(request: WorkspaceRequest, request_id: int) -> HttpResponse:
    """One of the answers, or the reviewer's own; then the next disagreement."""
    found = get_object_or_404(FeedbackRequest, workspace=request.workspace, pk=request_id)
    sent = Submission.read(request.POST)
    dispute = Dispute(found, request.membership.user, 0, sent.values)
    try:
        made = _decided(request, dispute, sent)
    except InvalidAnswer as invalid:
        return _page(request, replace(dispute, errors=invalid.errors), status=422)
    except FeedbackError as refused:
        return _page(request, error=str(refused), status=409)
    if made.in_time:
        messages.success(request, "Decided: the run goes on with it.")
    else:
        kept = "Kept. The run had taken its step already, so that it changes nothing there."
        messages.success(request, kept)
    return redirect("reviews")


def _decided(request: WorkspaceRequest, dispute: Dispute, sent: Submission) -> Adjudication:
    """Sent twice by the same reviewer it is one decision, the first."""
    found, reviewer = dispute.request, dispute.user
    before = Adjudication.objects.filter(request=found).first()
    if before and found.state != RequestState.DISPUTED:
        if before.reviewer_id != reviewer.pk:
            raise FeedbackError(f"{before.reviewer.get_username()} has decided this in the meantime.")
        return before
    made = request_adjudicate(
        request=found,
        reviewer=reviewer,
        body=_body(request, dispute, sent),
        reason=request.POST.get("decision", ""),
    )
    if "gold" in request.POST:
        gold_keep(request=found, expected=made.body, user=reviewer)
    return made


def _body(request: WorkspaceRequest, dispute: Dispute, sent: Submission) -> dict[str, Any]:
    """Of the answer whose button was pressed; else of the form."""
    taken = request.POST.get("answer", "")
    if not taken.isdecimal():
        return sent.body(dispute.question)
    body = get_object_or_404(Answer, request=dispute.request, pk=int(taken)).body
    return ANSWER.validate_python(body).model_dump(mode="json")


def _page(
    request: WorkspaceRequest, refused: Dispute | None = None, error: str = "", status: int = 200
) -> HttpResponse:
    """With the dispute whose decision did not fit, else with the most urgent one."""
    waiting = requests_disputed(request.workspace)
    reviewer = request.membership.user
    bench = Bench.of(request.workspace, reviewer)
    divided = Divided.of(bench, list(waiting.values_list("pk", flat=True)))
    first = waiting.filter(pk__in=divided.theirs[:1]).first()
    context = {
        "item": refused or (Dispute(first, reviewer, 0) if first else None),
        "decision": request.POST.get("decision", ""),
        "gold": "gold" in request.POST,
        "more": len(divided.theirs) - 1,
        "not_theirs": [
            NotTheirs(one.run.name, subject_of(one.question), bench.who_can(people_in(one)))
            for one in waiting.filter(pk__in=divided.not_theirs[:NOT_THEIRS])
        ],
        "not_theirs_more": max(0, len(divided.not_theirs) - NOT_THEIRS),
        "error": error,
    }
    return render(request, "quality/reviews.html", context, status=status)
