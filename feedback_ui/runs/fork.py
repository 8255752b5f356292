"""A fork of a run, from one of its iterations."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from feedback_ui.questions import Asked, ask
from feedback_ui.runs.pages import run_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.models import Run, RunKind
from optimization.runs.services import LaunchError, run_fork


@requires(Action.RUNS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def iteration_fork(request: WorkspaceRequest, run_id: int, name: int) -> HttpResponse:
    """The question on GET, the fork on POST; `name` counts iterations from 1, as people do."""
    run = run_of(request, run_id)
    if request.method != "POST":
        return ask(request, _asked(run, name))
    try:
        fork = run_fork(run=run, user=request.membership.user, iteration=name - 1)
    except LaunchError as error:
        messages.error(request, str(error))
        return redirect("run", run_id=run.pk)
    messages.success(request, "Forked. This page follows the new run by itself.")
    return redirect("run", run_id=fork.pk)


def _asked(run: Run, name: int) -> Asked:
    its_way = "and goes its own way. This run stays as it is."
    if run.kind == RunKind.POLICY:
        words = f"A new run begins with the weights that “{run.name}” had before step {name}, {its_way}"
        return Asked(f"Fork before step {name}?", words, "Fork", reverse("run", args=[run.pk]))
    words = (
        f"A new run begins with the prompts that “{run.name}” had at the start of iteration {name}, {its_way}"
    )
    back = reverse("iteration", args=[run.pk, name])
    return Asked(f"Fork from iteration {name}?", words, "Fork", back)
