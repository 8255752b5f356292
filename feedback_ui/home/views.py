"""The first page: an operator's shortest way in and the runs at a glance; others are led to their work."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from feedback_ui.home.forms import QuickForm
from feedback_ui.home.quick import quick_launch
from feedback_ui.rehearsal import rehearsal_banner
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import refuse, requires
from optimization.accounts.permissions import Action, member_may
from optimization.catalog.endpoints import endpoints_for
from optimization.catalog.errors import DatasetRefused, ProgramRefused, RowFault
from optimization.feedback.counts import queue_counts
from optimization.models import Role, Run
from optimization.runs.selectors import run_rows
from optimization.runs.services import LaunchError
from project.policy_requirements import PolicyStatus, State, status

AT_A_GLANCE = 6


@requires(Action.RUNS_READ)
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: WorkspaceRequest) -> HttpResponse:
    """Annotators go to the queue, viewers to the runs; the form is for those who may launch."""
    if request.method == "POST":
        refuse(request, Action.RUNS_WRITE)
    if request.membership.role == Role.ANNOTATOR:
        return redirect("judge")
    if not member_may(request.membership, Action.RUNS_WRITE):
        return redirect("runs")
    form = QuickForm(request.POST or None, request.FILES or None, workspace=request.workspace)
    rows: tuple[RowFault, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            run = _launched(request, form)
        except DatasetRefused as refused:
            form.add_error("file", str(refused))
            rows = refused.rows
        except ProgramRefused as refused:
            form.add_error("file", f"The fields of the rows cannot name inputs. {refused}")
        except LaunchError as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("run", run_id=run.pk)
    context = {"form": form, "bad_rows": rows, **_at_a_glance(request)}
    return render(request, "home/home.html", context, status=422 if form.errors else 200)


def _launched(request: WorkspaceRequest, form: QuickForm) -> Run:
    given = form.cleaned_data
    return quick_launch(
        workspace=request.workspace,
        user=request.membership.user,
        prompt=given["prompt"],
        criteria=given["criteria"],
        lines=given["file"] or None,
        dataset=given.get("dataset", ""),
    )


def _at_a_glance(request: WorkspaceRequest) -> dict[str, object]:
    runs = Run.objects.filter(workspace=request.workspace).select_related(
        "program_version__program", "created_by"
    )
    default = endpoints_for(request.workspace).get("default")
    return {
        "rows": run_rows(list(runs.order_by("-created_at", "-pk")[:AT_A_GLANCE])),
        "waiting": queue_counts(request.membership).waiting,
        "policies": _policies(),
        "has_endpoint": default is not None,
        "rehearsal_endpoint": rehearsal_banner(request.workspace),
    }


def _policies() -> PolicyStatus | None:
    """How far the installation of what policies need is, unless there is nothing to tell or they are not wanted."""
    told = status()
    return told if told.sentence and told.state != State.OFF else None
