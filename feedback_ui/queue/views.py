"""The queue as an operator sees it: what waits for people, since when, and who is at it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.selectors import queue_waiting_reason
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
