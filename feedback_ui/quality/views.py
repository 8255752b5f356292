"""How good answers are: the page of figures, and the weight of each annotator."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.adjudication import requests_disputed
from optimization.feedback.errors import FeedbackError
from optimization.feedback.quality.figures import quality_figures
from optimization.feedback.quality.weights import weight_set
from optimization.models import Run

RUNS = 12


@requires(Action.FEEDBACK_READ)
@require_safe
def quality(request: WorkspaceRequest) -> HttpResponse:
    """Of everything, or of the run named by `?run=`."""
    wanted = request.GET.get("run", "")
    run = get_object_or_404(Run, workspace=request.workspace, pk=int(wanted)) if wanted.isdecimal() else None
    judged = Run.objects.filter(workspace=request.workspace, feedback_requests__answers__isnull=False)
    context = {
        "quality": quality_figures(workspace=request.workspace, run=run),
        "run": run,
        "runs": judged.distinct().order_by("-pk")[:RUNS],
        "disputed": requests_disputed(request.workspace).count(),
    }
    return render(request, "quality/quality.html", context)


@requires(Action.FEEDBACK_REVIEW)
@require_POST
def weight(request: WorkspaceRequest, user_id: int) -> HttpResponse:
    try:
        if not weight_set(
            workspace=request.workspace, user_id=user_id, weight=float(request.POST.get("weight", ""))
        ):
            raise Http404(f"{request.workspace} has no member {user_id}.")
        messages.success(request, "The weight counts from the next answers that a run reads.")
    except ValueError:
        messages.error(request, "A weight is a number, such as 0.5 or 2.")
    except FeedbackError as refused:
        messages.error(request, str(refused))
    return redirect("quality")
