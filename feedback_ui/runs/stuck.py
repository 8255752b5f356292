"""What keeps a run from going on: failing work with its inputs and last error, and questions that everybody passed on."""

from __future__ import annotations

from typing import get_args

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from feedback_ui.questions import Asked, ask
from feedback_ui.runs.pages import run_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.runs.services import Conflict, item_mend, question_mend
from optimization.runs.stuck import ItemDeed, QuestionDeed, stuck_items, stuck_questions

# By the deed: the question, what it means in words, the button, what is said after it.
ITEM_DEEDS: dict[str, tuple[str, str, str, str]] = {
    "retry": (
        "Try this again?",
        "Mend the cause first. Its calls that have succeeded are used again.",
        "Try again",
        "Being tried again.",
    ),
    "leave-out": (
        "Leave this example out?",
        "The iteration goes on without it: it counts neither for nor against the prompts.",
        "Leave it out",
        "Left out. The run goes on with the others.",
    ),
}
QUESTION_DEEDS: dict[str, tuple[str, str, str, str]] = {
    "ask-again": (
        "Ask everybody again?",
        "The question is offered once more to all who passed on it.",
        "Ask again",
        "Back in the queue.",
    ),
    "ask-model": (
        "Ask a model in their place?",
        "The endpoint “judge”, or default, answers, and it is said wherever the answer is shown.",
        "Ask a model",
        "A model is asked.",
    ),
    "go-on": (
        "Go on without an answer?",
        "The output counts neither for nor against the prompts.",
        "Go on without",
        "The run goes on without it.",
    ),
}


@requires(Action.RUNS_WRITE)
@require_safe
def stuck_page(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    run = run_of(request, run_id)
    context = {"run": run, "items": stuck_items(run), "questions": stuck_questions(run)}
    return render(request, "runs/stuck.html", context)


@requires(Action.RUNS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def item_deed(request: WorkspaceRequest, run_id: int, item_id: int, deed: str) -> HttpResponse:
    """The question on GET, the deed on POST."""
    run = run_of(request, run_id)
    then: ItemDeed | None = next((one for one in get_args(ItemDeed) if one == deed), None)
    if then is None or not run.work.filter(pk=item_id).exists():
        raise Http404(f"“{run.name}” has no work {item_id} of which this can be said.")
    if request.method != "POST":
        return _ask(request, run_id, ITEM_DEEDS[deed])
    try:
        item_mend(run=run, item_id=item_id, user=request.membership.user, then=then)
        messages.success(request, ITEM_DEEDS[deed][3])
    except Conflict as conflict:
        messages.error(request, str(conflict))
    return redirect("run", run_id=run.pk)


@requires(Action.RUNS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def question_deed(request: WorkspaceRequest, run_id: int, request_id: int, deed: str) -> HttpResponse:
    """The question on GET, the deed on POST."""
    run = run_of(request, run_id)
    then: QuestionDeed | None = next((one for one in get_args(QuestionDeed) if one == deed), None)
    if then is None or not run.feedback_requests.filter(pk=request_id).exists():
        raise Http404(f"“{run.name}” has no question {request_id} of which this can be said.")
    if request.method != "POST":
        return _ask(request, run_id, QUESTION_DEEDS[deed])
    try:
        question_mend(run=run, request_id=request_id, user=request.membership.user, then=then)
        messages.success(request, QUESTION_DEEDS[deed][3])
    except Conflict as conflict:
        messages.error(request, str(conflict))
    return redirect("run", run_id=run.pk)


def _ask(request: WorkspaceRequest, run_id: int, words: tuple[str, str, str, str]) -> HttpResponse:
    return ask(request, Asked(words[0], words[1], words[2], reverse("run_stuck", args=[run_id])))
