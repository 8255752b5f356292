"""A proposal on its own page: what would change, why, the scores on both sides, and the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from feedback_ui.runs.pages import run_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.models import Decision, ProposalReview
from optimization.runs.changes import ParameterChange
from optimization.runs.selectors import parameter_changes, review_changes, review_scores, run_status
from optimization.runs.services import Conflict, EditRefused, proposal_decide


@dataclass(frozen=True)
class Proposed:
    """One parameter with its text as it stands in the form."""

    change: ParameterChange
    text: str
    error: str = ""

    @property
    def field(self) -> str:
        return f"text-{self.change.name}"


@requires(Action.RUNS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def proposal_page(request: WorkspaceRequest, run_id: int, review_id: int) -> HttpResponse:
    run = run_of(request, run_id)
    review = run.reviews.select_related("decided_by").filter(pk=review_id).first()
    if review is None:
        raise Http404(f"“{run.name}” has no proposal {review_id}.")
    if request.method != "POST":
        return _show(request, review)
    changes = review_changes(review)
    sent = {name: request.POST[field] for name, field in _fields(changes) if field in request.POST}
    rejects = "reject" in request.POST
    try:
        proposal_decide(
            review=review,
            user=request.membership.user,
            decision=Decision.REJECTED if rejects else Decision.EDITED if sent else Decision.APPROVED,
            values=sent,
            reason=request.POST.get("reason", ""),
        )
    except EditRefused as refused:
        return _show(request, review, sent, dict(refused.errors), status=422)
    except Conflict as conflict:
        messages.error(request, str(conflict))
    else:
        messages.success(request, KEPT if rejects else TAKEN)
    return redirect("run", run_id=run.pk)


KEPT = "The prompts stay as they were. The run goes on."
TAKEN = "The new prompts are taken. The run goes on."


def _fields(changes: tuple[ParameterChange, ...]) -> list[tuple[str, str]]:
    return [(change.name, Proposed(change, "").field) for change in changes]


def _show(
    request: WorkspaceRequest,
    review: ProposalReview,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    sent, errors = sent or {}, errors or {}
    proposed = [
        Proposed(change, sent.get(change.name, change.after), errors.get(f"/values/{change.name}", ""))
        for change in review_changes(review)
    ]
    context = {
        "run": review.run,
        "review": review,
        "name": review.iteration + 1,
        "proposed": proposed,
        "causes": parameter_changes(review.run, review.iteration),
        "scores": review_scores(review),
        "then": run_status(review.run).then,
        "reason": request.POST.get("reason", ""),
        "reason_error": errors.get("/reason", ""),
    }
    return render(request, "runs/proposal.html", context, status=status)
