"""How an answer will be read, shown before it is sent."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from feedback_ui.judge.compared import sides_of
from feedback_ui.judge.desk import question_or_404, wants_fragment
from feedback_ui.judge.item import Item
from feedback_ui.judge.submission import Submission
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.errors import FeedbackError, InvalidAnswer
from optimization.feedback.services import answer_preview
from optimization.losses.questions import PreferenceQuestion, Question, RankingQuestion


@requires(Action.FEEDBACK_ANSWER)
@require_POST
def how_it_is_read(request: WorkspaceRequest, request_id: int) -> HttpResponse:
    """The optimizer's text for each output, or what still lacks."""
    asked, user = question_or_404(request, request_id), request.membership.user
    sent = Submission.read(request.POST)
    question = Item(asked, user, sent.fence).question
    context: dict[str, object] = {"others": asked.wanted - 1}
    try:
        readings = answer_preview(request=asked, user=user, body=sent.body(question))
        context["readings"] = [
            {"name": name, "stacked_name": stacked, **vars(reading)}
            for (name, stacked), reading in zip(_names(question), readings, strict=True)
        ]
    except InvalidAnswer as invalid:
        context["errors"] = list(invalid.errors.values())
    except FeedbackError as refused:
        context["errors"] = [str(refused)]
    template = "judge/read.html" if wants_fragment(request) else "judge/read_page.html"
    return render(request, template, context)


def _names(question: Question) -> list[tuple[str, str]]:
    """What the texts are called on the page, side by side and one above the other; nothing for the only one."""
    match question:
        case PreferenceQuestion():
            return [(side.name, side.stacked_name) for side in sides_of(question, {})]
        case RankingQuestion(outputs=outputs):
            return [(f"Text {number}", "") for number, _ in enumerate(outputs, 1)]
    return [("", "")]
