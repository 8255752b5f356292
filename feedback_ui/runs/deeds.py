"""Pause, resume, cancel, retry, begin anew: each is asked in words before it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from feedback_ui.questions import Asked, ask
from feedback_ui.runs.pages import run_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.models import Run
from optimization.runs.services import (
    Conflict,
    run_cancel,
    run_pause,
    run_replay_ask,
    run_restart,
    run_resume,
    run_retry,
    run_take_late,
)


@dataclass(frozen=True)
class Deed:
    """`asked` before it is done, `done` said on the page after it."""

    service: Callable[..., Run]
    question: str
    words: str
    button: str
    done: str
    danger: bool = False

    def asked(self, run: Run) -> Asked:
        back = reverse("run", args=[run.pk])
        return Asked(self.question, self.words, self.button, back, self.danger)


DEEDS = {
    "pause": Deed(
        run_pause,
        "Pause this run?",
        "No new work is begun. Calls under way end and are kept, questions stay open, and answers count when the run "
        "goes on.",
        "Pause",
        "Paused. Answers are kept; it goes on when you resume it.",
    ),
    "resume": Deed(
        run_resume,
        "Resume this run?",
        "It goes on where it stands. Nothing that was paid for or answered is asked again.",
        "Resume",
        "Resumed.",
    ),
    "cancel": Deed(
        run_cancel,
        "Cancel this run for good?",
        "Its open questions are withdrawn, and it cannot be resumed. Its prompts, scores and answers are kept.",
        "Cancel the run",
        "Cancelled. Its prompts, scores and answers are kept.",
        danger=True,
    ),
    "retry": Deed(
        run_retry,
        "Try again what failed?",
        "Mend the cause first. What has succeeded is used again; only what failed is done once more.",
        "Retry",
        "Trying again.",
    ),
    "restart": Deed(
        run_restart,
        "Begin this iteration anew?",
        "It is done again from its start, with the code as it is now. Every call and answer that still fits is used "
        "again; what the code asks otherwise is asked once more. A step that was taken already is kept, and the new one "
        "becomes its revision.",
        "Begin anew",
        "Begun anew. What still fits is used again.",
    ),
    "take-late": Deed(
        run_take_late,
        "Take the late answers into one more step?",
        "No output is made or judged anew. What was said late goes back along the stored outputs, the optimizer rewrites "
        "the prompts from it, and the run ends again. Every step before stays as it is.",
        "Take one more step",
        "One more step is taken from the late answers.",
    ),
    "replay": Deed(
        run_replay_ask,
        "Replay this run from what is stored?",
        "It is done once more from its stored calls and answers, and compared byte by byte with what is stored. Nothing is "
        "called, nobody is asked, and nothing of the run is changed.",
        "Replay",
        "Being replayed. The verdict appears on this page by itself.",
    ),
}


@requires(Action.RUNS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def run_deed(request: WorkspaceRequest, run_id: int, deed: str) -> HttpResponse:
    """The question on GET, the deed on POST."""
    run = run_of(request, run_id)
    if deed not in DEEDS:
        raise Http404(f"A run cannot be asked to {deed}; what it can is {', '.join(DEEDS)}.")
    chosen = DEEDS[deed]
    if request.method != "POST":
        return ask(request, chosen.asked(run))
    try:
        chosen.service(run=run, user=request.membership.user)
        messages.success(request, chosen.done)
    except Conflict as conflict:
        messages.error(request, str(conflict))
    return redirect("run", run_id=run.pk)
