"""Where the words of a prompt come from: a version, sentence by sentence."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from feedback_ui.runs.pages import run_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.runs.provenance import version_found, version_story


@requires(Action.OUTPUTS_READ)
@require_safe
def version_words(request: WorkspaceRequest, run_id: int, version_id: int) -> HttpResponse:
    run = run_of(request, run_id)
    version = version_found(run, version_id)
    if version is None:
        raise Http404(f"“{run.name}” has no prompt version {version_id}.")
    return render(request, "runs/words.html", {"run": run, "story": version_story(run, version)})
