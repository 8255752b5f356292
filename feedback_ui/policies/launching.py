"""Launching a policy's run: the form, and what it will take, told while it is filled in."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import ValidationError

from feedback_ui.policies.forms import PolicyForm, policy_initial
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.models import DatasetVersion, Run, RunKind
from optimization.runs.policy.config import PolicyRunConfig
from optimization.runs.services import LaunchError, policy_launch
from project.policy_requirements import PolicyStatus, status


@dataclass(frozen=True)
class Expected:
    """What a run will make and ask: completions to learn from, completions to be tested by, calls of judges, questions."""

    completions: int
    tested: int
    calls: int
    questions: int


@requires(Action.RUNS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def launch_policy(request: WorkspaceRequest) -> HttpResponse:
    """`?like=` (a run) fills the form in advance."""
    if request.method == "POST":
        form = PolicyForm(request.POST, workspace=request.workspace)
        if form.is_valid() and (run := _launched(request, form)):
            return redirect("run", run_id=run.pk)
    else:
        like = request.GET.get("like", "")
        runs = Run.objects.filter(workspace=request.workspace, kind=RunKind.POLICY)
        run = runs.filter(pk=like).first() if like.isdecimal() else None
        form = PolicyForm(workspace=request.workspace, initial=policy_initial(run) if run else None)
    context = {"form": form, "expected": _expected(request, form), "policies": _policies()}
    return render(request, "policies/launch.html", context, status=422 if form.errors else 200)


@requires(Action.RUNS_WRITE)
@require_POST
def policy_estimate(request: WorkspaceRequest) -> HttpResponse:
    """The estimate for what the form says now."""
    form = PolicyForm(request.POST, workspace=request.workspace)
    return render(request, "policies/estimate.html", {"expected": _expected(request, form)})


def _launched(request: WorkspaceRequest, form: PolicyForm) -> Run | None:
    """The run, or None once the form says what is wrong."""
    try:
        config = PolicyRunConfig.model_validate(form.config())
        return policy_launch(
            workspace=request.workspace,
            user=request.membership.user,
            config=config,
            name=form.cleaned_data["name"],
        )
    except ValidationError as error:
        form.refuse(
            ("/" + "/".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, "))
            for fault in error.errors()
        )
    except LaunchError as error:
        form.refuse(error.errors)
    return None


def _expected(request: WorkspaceRequest, form: PolicyForm) -> Expected | None:
    """As far as the form can be read."""
    if not form.is_bound or not form.is_valid():
        return None
    given = form.cleaned_data
    version = (
        DatasetVersion.objects.filter(dataset__workspace=request.workspace, dataset__name=given["dataset"])
        .order_by("-number")
        .first()
    )
    prompts = given["iterations"] * given["prompts_per_step"]
    frequency = given["eval_frequency"]
    tests = 1 + given["iterations"] // frequency if frequency else 0
    tested = tests * (version.sizes.get("test", 0) if version else 0)
    return Expected(
        completions=prompts * given["group_size"],
        tested=tested * form.test_copies(),
        calls=prompts + tested if given["reward"] in {"group", "ranking"} else 0,
        questions=prompts + tested if given["reward"] == "people" else 0,
    )


def _policies() -> PolicyStatus | None:
    """What hinders the training of policies here, where something does."""
    told = status()
    return told if told.sentence else None
