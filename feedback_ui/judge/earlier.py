"""An earlier answer, to be looked at and changed: every version stays, and the page says which one was counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from feedback_ui.judge.desk import go_on, question_or_404, show_earlier, show_next, wants_fragment
from feedback_ui.judge.item import Item
from feedback_ui.judge.submission import Submission
from feedback_ui.judge.verdict_words import Verdict, verdict_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.errors import FeedbackError, InvalidAnswer
from optimization.feedback.selectors import answers_of, deed_last
from optimization.feedback.services import answer_edit, skip_undo
from optimization.feedback.showings import order_shown
from optimization.models import Answer, FeedbackRequest, Skip
from optimization.runs.provenance import Became, became_of

COUNTS = "Saved. Your answer counts as it is now."
COUNTS_LATER = (
    "Saved. The step was taken with your answer as it was before; a later step counts it as it is now."
)


@dataclass(frozen=True)
class Version:
    """One version of an answer. `late` ones are counted by a later step."""

    number: int
    at: datetime
    verdict: Verdict
    late: bool


@requires(Action.FEEDBACK_ANSWER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def earlier_answer(request: WorkspaceRequest, answer_id: int) -> HttpResponse:
    """The item with the answer in its form; POST makes another version of it."""
    found = answers_of(workspace=request.workspace, user=request.membership.user).filter(pk=answer_id).first()
    if found is None:
        raise Http404(f"You have given no answer {answer_id} in {request.workspace}.")
    return _change(request, found) if request.method == "POST" else _show(request, found)


@requires(Action.FEEDBACK_ANSWER)
@require_POST
def undo(request: WorkspaceRequest) -> HttpResponse:
    """What was done last: an answer comes back to be changed, a question that was passed on to be judged after all.

    What was being judged meanwhile is kept for after it, with its draft.
    """
    last = deed_last(workspace=request.workspace, user=request.membership.user)
    match last:
        case None:
            return go_on(request, "There is nothing to undo yet.")
        case Skip():
            return _take_back(request, last.request)
    return _show(request, last) if wants_fragment(request) else redirect("earlier_answer", last.pk)


@requires(Action.FEEDBACK_ANSWER)
@require_POST
def take_back(request: WorkspaceRequest, request_id: int) -> HttpResponse:
    """Judge after all what was passed on."""
    return _take_back(request, question_or_404(request, request_id))


def _take_back(request: WorkspaceRequest, question: FeedbackRequest) -> HttpResponse:
    try:
        skip_undo(request=question, user=request.membership.user)
        return go_on(request, "You had passed this on. It is yours again.")
    except FeedbackError as refused:
        return go_on(request, str(refused))


@requires(Action.FEEDBACK_ANSWER)
@require_safe
def became(request: WorkspaceRequest, answer_id: int) -> HttpResponse:
    """What became of an answer: the steps that used it, the words that they changed, and the scores on both sides."""
    found = answers_of(workspace=request.workspace, user=request.membership.user).filter(pk=answer_id).first()
    if found is None:
        raise Http404(f"You have given no answer {answer_id} in {request.workspace}.")
    told: Became = became_of(found)
    return render(
        request, "judge/became.html", {"answer": found, "became": told, "versions": _versions(found)}
    )


def _show(request: WorkspaceRequest, answer: Answer) -> HttpResponse:
    return show_earlier(request, Item.with_answer(answer), _versions(answer))


def _change(request: WorkspaceRequest, answer: Answer) -> HttpResponse:
    sent = Submission.read(request.POST)
    item = replace(Item.with_answer(answer), values=sent.values)
    try:
        changed = answer_edit(
            answer=answer, user=answer.user, body=sent.body(item.question), seconds=sent.seconds
        )
    except InvalidAnswer as invalid:
        item = replace(item, errors=invalid.errors)
        return show_earlier(request, item, _versions(answer), status=422)
    except FeedbackError as refused:
        return show_earlier(request, item, _versions(answer), status=409, lost=str(refused))
    last = changed.versions.order_by("number").last()
    notice = COUNTS_LATER if last and last.late else COUNTS
    if wants_fragment(request) and not request.POST.get("back"):
        return show_next(request, notice)
    messages.info(request, notice)
    if wants_fragment(request):
        return HttpResponse(status=204, headers={"HX-Redirect": reverse("my_answers")})
    return redirect("my_answers")


def _versions(answer: Answer) -> list[Version]:
    """The newest first; none for an answer that was never changed."""
    order = order_shown(request=answer.request, user=answer.user)
    return [
        Version(
            version.number,
            version.created_at,
            verdict_of(answer.request.question, version.body, order),
            version.late,
        )
        for version in answer.versions.order_by("-number")
    ]
