"""The queue as an operator sees it: what waits for people, since when, and who is at it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from feedback_ui.asked import AskedForm, asked_of
from feedback_ui.questions import Asked, ask
from feedback_ui.runs.pages import run_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.errors import FeedbackError
from optimization.feedback.selectors import queue_waiting_reason
from optimization.feedback.services import questions_assign
from optimization.runs.selectors import runs_waiting


@requires(Action.FEEDBACK_READ)
@require_safe
def queue(request: WorkspaceRequest) -> HttpResponse:
    waiting = runs_waiting(request.workspace)
    reason = queue_waiting_reason(workspace=request.workspace, user=request.membership.user)
    context = {
        "waiting": waiting,
        "answers": sum(each.answers for each in waiting),
        "reason": reason.removeprefix("Nothing waits for you. "),
    }
    template = "queue/rows.html" if request.headers.get("HX-Request") else "queue/queue.html"
    return render(request, template, context)


@requires(Action.FEEDBACK_REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def assign(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """Who is asked what a run has waiting: the question on GET, the change on POST."""
    run = run_of(request, run_id)
    form = AskedForm(request.POST or None, workspace=request.workspace)
    if request.method != "POST" or not form.is_valid():
        words = "What waits now is put to them. What the run asks later goes to whom it was launched for."
        return ask(
            request, Asked(f"Who judges for “{run.name}”?", words, "Ask them", reverse("queue"), form=form)
        )
    try:
        moved = questions_assign(run=run, to=asked_of(form.cleaned_data["asked"]))
        messages.success(request, f"{moved} question{'' if moved == 1 else 's'} of “{run.name}” put to them.")
    except FeedbackError as refused:
        messages.error(request, str(refused))
    return redirect("queue")
