"""A version of a prompt: where its words come from, sentence by sentence, and the way back to it."""

from __future__ import annotations

from django.contrib import messages
from django.forms import CharField, Form
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from feedback_ui.questions import Asked, ask
from feedback_ui.runs.pages import run_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action, member_may
from optimization.runs.provenance import version_found, version_story, versions_known
from optimization.runs.reverts import revert_words
from optimization.runs.selectors import current_parameters
from optimization.runs.services import Conflict, parameter_revert


@requires(Action.OUTPUTS_READ)
@require_safe
def version_words(request: WorkspaceRequest, run_id: int, version_id: int) -> HttpResponse:
    run = run_of(request, run_id)
    version = version_found(run, version_id)
    if version is None:
        raise Http404(f"“{run.name}” has no prompt version {version_id}.")
    known = versions_known(run, version.name)
    context = {
        "run": run,
        "story": version_story(run, version),
        "versions": known,
        "is_current": version.pk in {current.pk for current in current_parameters(run)},
        "may_write": member_may(request.membership, Action.RUNS_WRITE),
    }
    return render(request, "runs/words.html", context)


class RevertForm(Form):
    reason = CharField(
        label="Why", required=False, max_length=400, help_text="Kept with it, for who asks later."
    )


@requires(Action.RUNS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def version_revert(request: WorkspaceRequest, run_id: int, version_id: int) -> HttpResponse:
    """The question on GET, the deed on POST."""
    run = run_of(request, run_id)
    version = version_found(run, version_id)
    if version is None:
        raise Http404(f"“{run.name}” has no prompt version {version_id}.")
    back = reverse("version_words", args=[run.pk, version.pk])
    if request.method != "POST":
        words = (
            f"{version.name} is to be at version {version.number} again. Nothing that was is changed: it is written as a "
            "step of its own. An iteration that is under way ends first."
        )
        question = f"Go back to version {version.number}?"
        return ask(request, Asked(question, words, "Go back to it", back, form=RevertForm()))
    try:
        revert = parameter_revert(
            run=run, user=request.membership.user, version=version, reason=request.POST.get("reason", "")
        )
        messages.success(request, revert_words(revert))
    except Conflict as conflict:
        messages.error(request, str(conflict))
    return redirect("run", run_id=run.pk)
