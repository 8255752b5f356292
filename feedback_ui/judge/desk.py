"""What every view of the desk answers with: the item in hand, or an empty desk that says what it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from feedback_ui.judge.item import Item
from optimization.accounts.middleware import WorkspaceRequest
from optimization.feedback.counts import QueueCounts, queue_counts
from optimization.feedback.selectors import question_of, queue_waiting_reason, was_put_off
from optimization.feedback.services import claim_ahead, claim_next
from optimization.feedback.skips import skips_of
from optimization.models import Claim, FeedbackRequest

SKIP_REASONS = (
    "I do not know enough about the subject",
    "The text is broken or cut off",
    "The question does not fit the text",
    "I know where the text comes from",
    "Something else",
)


AHEAD = "Desk-Ahead"
"""The header by which the browser names the items that it has fetched ahead, and the server the one of them to show."""

COUNTED = "Desk-Counted"
"""With it the browser says that its line of counts is of a moment ago: it counts the answer itself."""


def wants_fragment(request: HttpRequest) -> bool:
    """Whether the desk's script asks, which puts the answer's regions in place of its own."""
    return request.headers.get("HX-Request") == "true"


def question_or_404(request: WorkspaceRequest, request_id: int) -> FeedbackRequest:
    found = question_of(workspace=request.workspace, request_id=request_id)
    if found is None:
        raise Http404(f"There is no question {request_id} in {request.workspace}.")
    return found


def show_next(request: WorkspaceRequest, notice: str = "") -> HttpResponse:
    """The next item, or why there is none."""
    user = request.membership.user
    claim = claim_next(workspace=request.workspace, user=user)
    if claim is None:
        reason = queue_waiting_reason(workspace=request.workspace, user=user)
        return _show(request, {"reason": reason, "notice": notice})
    name = ahead_name(claim)
    counted = not notice and COUNTED in request.headers
    if not notice and name in _in_browser(request):
        return _only_counts(request, name, counted)
    if not notice and was_put_off(claim):
        notice = "Nothing else waits, so here is one that you put off."
    item = Item.with_draft(claim.request, claim.fence, user)
    return _show(request, {"item": item, "notice": notice}, counted=counted)


def show_ahead(request: WorkspaceRequest) -> HttpResponse:
    """An item after the one in hand, reserved for this person: the one that follows those which the browser has; nothing
    where there is none."""
    user = request.membership.user
    place = len(_in_browser(request)) + 1
    claim = claim_ahead(workspace=request.workspace, user=user, place=place)
    if claim is None:
        return HttpResponse(status=204)
    item = Item.with_draft(claim.request, claim.fence, user)
    shown = _show(request, {"item": item}, counted=True)
    shown.headers[AHEAD] = ahead_name(claim)
    return shown


def _in_browser(request: HttpRequest) -> list[str]:
    return request.headers.get(AHEAD, "").split()


def ahead_name(claim: Claim) -> str:
    """By which the browser says that it has the item already."""
    return f"{claim.request_id}-{claim.fence}"


def _only_counts(request: WorkspaceRequest, name: str, counted: bool) -> HttpResponse:
    """The browser has the next item: it is told so, and gets the line of counts."""
    shown = (
        HttpResponse()
        if counted
        else render(request, "judge/counts.html", {"counts": queue_counts(request.membership)})
    )
    shown.headers[AHEAD] = name
    return shown


def show_refused(request: WorkspaceRequest, item: Item, *, status: int, lost: str = "") -> HttpResponse:
    """The item again, with what was typed: a sentence at each wrong field, or why it can no longer be answered."""
    return _show(request, {"item": item, "lost": lost}, status=status)


def show_earlier(
    request: WorkspaceRequest, item: Item, versions: Sequence[Any], *, status: int = 200, lost: str = ""
) -> HttpResponse:
    """An item that was answered before, with its answer to be changed, and the versions of it.

    A page of its own leads back to the list of answers; undone at the desk, to the desk.
    """
    back = request.POST.get("back", "" if wants_fragment(request) else "answers")
    return _show(request, {"item": item, "versions": versions, "lost": lost, "back": back}, status=status)


def go_on(request: WorkspaceRequest, notice: str = "") -> HttpResponse:
    """After a deed: the next item in the same round trip; without scripts, the desk's own address."""
    if wants_fragment(request):
        return show_next(request, notice)
    if notice:
        messages.info(request, notice)
    return redirect("judge")


def _show(
    request: WorkspaceRequest, context: dict[str, Any], status: int = 200, counted: bool = False
) -> HttpResponse:
    """The page, or for the desk's script its regions: without the line of counts where that is `counted`."""
    fragment = wants_fragment(request)
    counts = None if fragment and counted else queue_counts(request.membership)
    template = "judge/regions.html" if fragment else "judge/page.html"
    told = {"reasons": SKIP_REASONS, "counts": counts, "may_undo": _may_undo(request, counts), **context}
    return render(request, template, told, status=status)


def _may_undo(request: WorkspaceRequest, counts: QueueCounts | None) -> bool:
    """Whether something of today can be undone; where the browser counts, it has just sent an answer or is at one."""
    if counts is None or counts.today:
        return True
    return skips_of(workspace=request.workspace, user=request.membership.user).exists()
