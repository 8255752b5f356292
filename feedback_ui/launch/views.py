"""Launching a run: the form, and what it will take, told while it is filled in."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event
from pydantic import ValidationError

from feedback_ui.launch import defaults
from feedback_ui.launch.earlier import initial_like
from feedback_ui.launch.fitting import fitting_dataset
from feedback_ui.launch.forms import LaunchForm, carried_over
from feedback_ui.launch.rubric import LevelFormSet, levels_sent
from feedback_ui.rehearsal import rehearsal_banner
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.catalog.selectors import datasets_of, programs_of
from optimization.models import Run, Workspace
from optimization.runs.assembly import program_of
from optimization.runs.config import RunConfig
from optimization.runs.estimate import Estimate, launch_estimate
from optimization.runs.services import LaunchError, run_launch


@requires(Action.RUNS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def launch(request: WorkspaceRequest) -> HttpResponse:
    """`?program=`, `?dataset=` and `?like=` (a run) fill the form in advance."""
    looked_over = True
    if request.method == "POST":
        form = LaunchForm(request.POST, workspace=request.workspace)
        levels = LevelFormSet(request.POST, prefix="level")
        looked_over = not form.unseen
        if not looked_over:
            form, levels = _redrawn(request, "method")
        elif _readable(form, levels) and (run := _launched(request, form, levels)):
            return redirect("run", run_id=run.pk)
    else:
        initial, rubric = _initial(request)
        form = LaunchForm(workspace=request.workspace, initial=initial)
        levels = LevelFormSet(prefix="level", initial=rubric)
    context = {"form": form, "levels": levels, "looked_over": looked_over, **_told(request, form, levels)}
    wrong = form.is_bound and not _readable(form, levels)
    return render(request, "launch/launch.html", context, status=422 if wrong else 200)


@requires(Action.RUNS_WRITE)
@require_POST
def fields(request: WorkspaceRequest) -> HttpResponse:
    """The fields for what is chosen now, with what has been filled in."""
    form, levels = _redrawn(request, request.headers.get("HX-Trigger-Name", ""))
    context = {"form": form, "levels": levels, "looked_over": True}
    response = render(request, "launch/fields.html", context)
    return trigger_client_event(response, "redrawn", after="swap")


@requires(Action.RUNS_WRITE)
@require_POST
def estimate(request: WorkspaceRequest) -> HttpResponse:
    """The estimate for what the form says now."""
    form = LaunchForm(request.POST, workspace=request.workspace)
    levels = LevelFormSet(request.POST, prefix="level")
    return render(request, "launch/estimate.html", _told(request, form, levels))


def _redrawn(request: WorkspaceRequest, changed: str) -> tuple[LaunchForm, Any]:
    """The form for what is chosen now, after a change of the field `changed`."""
    values = carried_over(request.POST, request.workspace, changed)
    form = LaunchForm(workspace=request.workspace, initial=values)
    return form, LevelFormSet(prefix="level", initial=levels_sent(request.POST) or defaults.LEVELS)


def _readable(form: LaunchForm, levels: Any) -> bool:
    """Whether all that the form asks for is there. Levels that nobody judges by may be as they like."""
    return form.is_valid() and (not form.uses_levels or levels.is_valid())


def _levels(form: LaunchForm, levels: Any) -> list[dict[str, Any]]:
    return levels.levels() if form.uses_levels else []


def _launched(request: WorkspaceRequest, form: LaunchForm, levels: Any) -> Run | None:
    """The run, or None once the form says what is wrong."""
    try:
        config = RunConfig.model_validate(form.config(_levels(form, levels)))
        return run_launch(
            workspace=request.workspace,
            user=request.membership.user,
            config=config,
            name=form.cleaned_data["name"],
        )
    except ValidationError as error:
        form.refuse(("/" + "/".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors())
    except LaunchError as error:
        form.refuse(error.errors)
    return None


def _config(form: LaunchForm, levels: Any) -> RunConfig | None:
    """What the form says, as far as it can be launched."""
    if not form.is_bound or form.unseen or not _readable(form, levels):
        return None
    try:
        return RunConfig.model_validate(form.config(_levels(form, levels)))
    except ValidationError:
        return None


def _told(request: WorkspaceRequest, form: LaunchForm, levels: Any) -> dict[str, object]:
    """What the run will take, where the form can be read, and whether a model or the rehearsal answers."""
    config = _config(form, levels)
    return {
        "estimate": _estimate(request.workspace, config) if config else None,
        "rehearsal_endpoint": rehearsal_banner(request.workspace),
    }


def _estimate(workspace: Workspace, config: RunConfig) -> Estimate | None:
    program = programs_of(workspace).filter(name=config.program).first()
    dataset = datasets_of(workspace).filter(name=config.dataset).first()
    if program is None or dataset is None:
        return None
    try:
        module = program_of(program.versions.all()[0])
        return launch_estimate(workspace, config, module, dataset.versions.all()[0].sizes)
    except (KeyError, ValueError):
        return None


def _initial(request: WorkspaceRequest) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    like = request.GET.get("like", "")
    run = Run.objects.filter(workspace=request.workspace, pk=like).first() if like.isdecimal() else None
    if run is not None:
        return initial_like(run)
    programs = list(programs_of(request.workspace))
    named = [program for program in programs if program.name == request.GET.get("program")]
    program = next(iter(named + programs), None)
    dataset = request.GET.get("dataset") or (fitting_dataset(program) if program else "")
    return {"program": program.name if program else "", "dataset": dataset}, defaults.LEVELS
