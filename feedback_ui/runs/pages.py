"""A run's own page, what of it is new, and the page of one iteration."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from feedback_ui.rehearsal import rehearsal_banner
from feedback_ui.runs.live import run_parts
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action, member_may
from optimization.models import Iteration, Run, RunKind
from optimization.runs.selectors import (
    current_parameters,
    iteration_outputs,
    parameter_changes,
    run_get,
    run_iterations,
)


@requires(Action.RUNS_READ)
@require_safe
def run_page(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    run = run_of(request, run_id)
    parts = {part.name: part for part in run_parts(run, request.membership)}
    context = {"run": run, "parts": parts, "rehearsal_endpoint": rehearsal_banner(request.workspace)}
    template = "policies/run.html" if run.kind == RunKind.POLICY else "runs/run.html"
    return render(request, template, context)


@requires(Action.RUNS_READ)
@require_safe
def run_live(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """The parts that differ from those that the page says it has; 204 if none does."""
    run = run_of(request, run_id)
    parts = run_parts(run, request.membership, have=request.GET.get("have", "").split(","))
    html = "".join(render_to_string("runs/part.html", {"part": part}) for part in parts)
    answer = HttpResponse(html) if parts else HttpResponse(status=204)
    answer.headers["X-Run-Seq"] = str(run.event_seq)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@requires(Action.OUTPUTS_READ)
@require_safe
def iteration_page(request: WorkspaceRequest, run_id: int, name: int) -> HttpResponse:
    """One iteration: `name` counts from 1, as people do."""
    run = run_of(request, run_id)
    number = name - 1
    found = Iteration.objects.filter(run=run, number=number).first()
    if found is None:
        raise Http404(f"“{run.name}” has no iteration {name} yet.")
    return render(
        request,
        "runs/iteration.html",
        {
            "run": run,
            "iteration": found,
            "name": name,
            "line": next(line for line in run_iterations(run) if line.number == number),
            "outputs": iteration_outputs(run, number),
            "changes": parameter_changes(run, number),
            "may_write": member_may(request.membership, Action.RUNS_WRITE),
            "may_review": member_may(request.membership, Action.FEEDBACK_REVIEW),
            "earlier": name - 1 if name > 1 else None,
            "later": name + 1 if Iteration.objects.filter(run=run, number=number + 1).exists() else None,
        },
    )


@requires(Action.RUNS_READ)
@require_safe
def prompts_page(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """The prompts that the run stands at, whole, to read or to copy."""
    run = run_of(request, run_id)
    context = {
        "run": run,
        "prompts": current_parameters(run),
        "may_read_outputs": member_may(request.membership, Action.OUTPUTS_READ),
    }
    return render(request, "runs/prompts.html", context)


def run_of(request: WorkspaceRequest, run_id: int) -> Run:
    try:
        return run_get(request.workspace, run_id)
    except Run.DoesNotExist as missing:
        raise Http404(f"There is no run {run_id} in {request.workspace.name}.") from missing
