"""The desk's addresses: judge, put off, skip, keep. Every deed answers with the next item."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from feedback_ui.judge.desk import (
    SKIP_REASONS,
    go_on,
    question_or_404,
    show_ahead,
    show_next,
    show_refused,
)
from feedback_ui.judge.item import Item
from feedback_ui.judge.submission import Submission
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.counts import queue_counts
from optimization.feedback.errors import FeedbackError, HoldLost, InvalidAnswer
from optimization.feedback.services import (
    answer_submit,
    claim_release,
    claim_renew,
    draft_save,
    request_skip,
)
from optimization.models import Answer, RequestState


@requires(Action.FEEDBACK_ANSWER)
@require_safe
@never_cache
def desk(request: WorkspaceRequest) -> HttpResponse:
    """The page; for its script, which asks when the queue has changed, the regions alone."""
    return show_next(request)


@requires(Action.FEEDBACK_ANSWER)
@require_safe
@never_cache
def ahead(request: WorkspaceRequest) -> HttpResponse:
    """The regions of the next item, which is reserved while this one is judged."""
    return show_ahead(request)


@requires(Action.FEEDBACK_ANSWER)
@require_safe
@never_cache
def counts(request: WorkspaceRequest) -> HttpResponse:
    """The line of counts alone."""
    return render(request, "judge/counts.html", {"counts": queue_counts(request.membership)})


@requires(Action.FEEDBACK_ANSWER)
@require_POST
def answer(request: WorkspaceRequest, request_id: int) -> HttpResponse:
    question = question_or_404(request, request_id)
    sent = Submission.read(request.POST)
    user = request.membership.user
    item = Item(question, user, sent.fence, sent.values, client_key=sent.client_key)
    try:
        stored = answer_submit(
            request=question,
            user=user,
            fence=sent.fence,
            client_key=sent.client_key,
            body=sent.body(item.question),
            seconds=sent.seconds,
        )
    except InvalidAnswer as invalid:
        return show_refused(request, replace(item, errors=invalid.errors), status=422)
    except FeedbackError as refused:
        return show_refused(request, item, status=409, lost=str(refused))
    return go_on(request, _receipt(stored, sent.client_key))


@requires(Action.FEEDBACK_ANSWER)
@require_POST
def later(request: WorkspaceRequest, request_id: int) -> HttpResponse:
    """Put the question off; what was typed stays as a draft."""
    question = question_or_404(request, request_id)
    sent = Submission.read(request.POST)
    user = request.membership.user
    with suppress(FeedbackError):
        draft_save(request=question, user=user, body=sent.values)
    claim_release(request=question, user=user, fence=sent.fence)
    return go_on(request)


@requires(Action.FEEDBACK_ANSWER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def skip(request: WorkspaceRequest, request_id: int) -> HttpResponse:
    """Pass the question on. Its page asks for the reason where there are no scripts; else a dialog of the desk does."""
    question = question_or_404(request, request_id)
    if request.method == "POST":
        said = [request.POST.get(name, "").strip() for name in ("reason", "more")]
        request_skip(request=question, user=request.membership.user, reason=": ".join(filter(None, said)))
        return go_on(request)
    return render(request, "judge/skip.html", {"question": question, "reasons": SKIP_REASONS})


@requires(Action.FEEDBACK_ANSWER)
@require_POST
def keep(request: WorkspaceRequest, request_id: int) -> JsonResponse:
    """Save the draft and start the hold's time again; 409 says why the question is no longer theirs."""
    question = question_or_404(request, request_id)
    sent = Submission.read(request.POST)
    user = request.membership.user
    try:
        draft_save(request=question, user=user, body=sent.values)
        claim_renew(request=question, user=user, fence=sent.fence)
    except HoldLost as lost:
        return JsonResponse({"message": str(lost)}, status=409)
    except FeedbackError as refused:
        return JsonResponse({"message": str(refused)}, status=422)
    return JsonResponse({"seconds": settings.CLAIM_SECONDS})


def _receipt(stored: Answer, client_key: str) -> str:
    """What there is to say of an answer that was taken in, beyond the next item."""
    if stored.client_key != client_key:
        return "You had already answered that question. Your first answer counts."
    if stored.request.state == RequestState.WITHDRAWN:
        return "Thank you. The run of that question was cancelled, so your answer is kept but not used."
    return ""
