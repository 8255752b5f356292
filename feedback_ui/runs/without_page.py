"""What would have been without one of the annotators: everyone with the price first, then the button."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from feedback_ui.runs.pages import run_of
from feedback_ui.runs.settings_words import LOSSES
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.runs.services import Conflict, LaunchError, run_without
from optimization.runs.without import judge_offered, without_offers


@requires(Action.RUNS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def run_without_page(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """The people and the prices on GET, the launch on POST."""
    run = run_of(request, run_id)
    try:
        judge = judge_offered(run)
    except Conflict as conflict:
        raise Http404(str(conflict)) from conflict
    if request.method != "POST":
        context = {
            "run": run,
            "offers": without_offers(run),
            "judge": LOSSES.get(judge.name, judge.name),
            "over_after": int(run.config.get("iterations", 0)),
        }
        return render(request, "runs/without.html", context)
    chosen = request.POST.get("user", "")
    person = User.objects.filter(pk=int(chosen)).first() if chosen.isdecimal() else None
    try:
        if person is None:
            raise Conflict("Choose whom to leave out.")
        fork = run_without(
            run=run,
            user=request.membership.user,
            person=person,
            judge=judge if request.POST.get("then") == "judge" else None,
        )
    except (Conflict, LaunchError) as error:
        messages.error(request, str(error))
        return redirect("run_without", run_id=run.pk)
    messages.success(request, "Launched. This page follows the new run by itself.")
    return redirect("run", run_id=fork.pk)
