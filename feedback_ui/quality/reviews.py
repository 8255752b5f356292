"""The reviewer's page: one disagreement at a time, the answers side by side, and the decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.adjudication import requests_disputed
from optimization.feedback.errors import FeedbackError
from optimization.feedback.quality.words import CHOICES, answer_in_words, subject_of
from optimization.feedback.reviewers import Bench, Divided, people_in
from optimization.feedback.services import gold_keep, request_adjudicate
from optimization.feedback.texts import lines
from optimization.losses.questions import ANSWER, QUESTION, PreferenceQuestion, Question, RubricQuestion
from optimization.models import Answer, FeedbackRequest
from optimization.runs.said import remarks_in

NOT_THEIRS = 20


@dataclass(frozen=True)
class Side:
    """One annotator's answer, without their name: who said it must not decide. `is_own` is the reviewer's."""

    number: int
    answer: Answer
    verdict: str
    remarks: list[str]
    is_own: bool

    @property
    def value(self) -> str:
        return str(self.answer.pk)


@dataclass(frozen=True)
class Dispute:
    request: FeedbackRequest
    question: Question
    outputs: list[Any]
    sides: list[Side]

    @property
    def told(self) -> list[tuple[str, Any]]:
        """What the text answers to; the target last."""
        told = [(name.replace("_", " ").capitalize(), value) for name, value in self.question.context.items()]
        return told + ([("Expected", self.question.target)] if self.question.target else [])

    @property
    def choices(self) -> list[tuple[str, str, str]]:
        """What the reviewer may answer by themselves: value, name, description."""
        if isinstance(self.question, RubricQuestion) and not self.question.aspects:
            levels = sorted(self.question.levels, key=lambda level: level.score)
            return [(f"{level.score:g}", level.label, level.description) for level in levels]
        if not isinstance(self.question, PreferenceQuestion):
            return []
        return [(value, words, "") for value, words in CHOICES.items()]

    @property
    def has_own(self) -> bool:
        return any(side.is_own for side in self.sides)

    @classmethod
    def of(cls, request: FeedbackRequest, reviewer: User) -> Dispute:
        question = QUESTION.validate_python(request.question)
        outputs = list(question.outputs) if hasattr(question, "outputs") else [question.output]
        answers = sorted(request.answers.all(), key=lambda answer: answer.pk)
        sides = [
            Side(
                number,
                one,
                answer_in_words(request.question, one.body),
                remarks_in(one.body),
                is_own=one.user_id == reviewer.pk,
            )
            for number, one in enumerate(answers, 1)
        ]
        return cls(request, question, outputs, sides)


@dataclass(frozen=True)
class NotTheirs:
    """A disagreement in which the reviewer's own answer stands, and who can decide it."""

    run: str
    subject: str
    who_can: str


@requires(Action.FEEDBACK_REVIEW)
@require_safe
def reviews(request: WorkspaceRequest) -> HttpResponse:
    """The most urgent disagreement, and how many wait behind it."""
    return _page(request)


@requires(Action.FEEDBACK_REVIEW)
@require_POST
def decide(request: WorkspaceRequest, request_id: int) -> HttpResponse:
    """One of the answers, or the reviewer's own; then the next disagreement."""
    found = get_object_or_404(FeedbackRequest, workspace=request.workspace, pk=request_id)
    try:
        made = request_adjudicate(
            request=found,
            reviewer=request.membership.user,
            body=_body(request, found),
            reason=request.POST.get("reason", ""),
        )
        if "gold" in request.POST:
            gold_keep(request=found, expected=made.body, user=request.membership.user)
    except FeedbackError as refused:
        return _page(request, error=str(refused), status=422)
    words = (
        "Decided: the run goes on with it."
        if made.in_time
        else "Kept. The run had taken its step already, so that it changes nothing there."
    )
    messages.success(request, words)
    return redirect("reviews")


def _body(request: WorkspaceRequest, found: FeedbackRequest) -> dict[str, Any]:
    chosen = request.POST.get("answer", "")
    if chosen.isdecimal():
        body = get_object_or_404(Answer, request=found, pk=int(chosen)).body
        return ANSWER.validate_python(body).model_dump(mode="json")
    own = chosen.removeprefix("own:")
    if not own:
        raise FeedbackError("Choose one of the answers, or one of your own below them.")
    if found.kind == "preference":
        return {"choice": own, "reason": request.POST.get("reason", "")}
    return {"score": own, "improvements": lines(request.POST.get("improvements", ""))}


def _page(request: WorkspaceRequest, error: str = "", status: int = 200) -> HttpResponse:
    waiting = requests_disputed(request.workspace)
    reviewer = request.membership.user
    bench = Bench.of(request.workspace, reviewer)
    divided = Divided.of(bench, list(waiting.values_list("pk", flat=True)))
    first = waiting.filter(pk__in=divided.theirs[:1]).first()
    context = {
        "dispute": Dispute.of(first, reviewer) if first else None,
        "more": len(divided.theirs) - 1,
        "not_theirs": [
            NotTheirs(one.run.name, subject_of(one.question), bench.who_can(people_in(one)))
            for one in waiting.filter(pk__in=divided.not_theirs[:NOT_THEIRS])
        ],
        "not_theirs_more": max(0, len(divided.not_theirs) - NOT_THEIRS),
        "error": error,
        "chosen": request.POST.get("answer", ""),
        "improvements": request.POST.get("improvements", ""),
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "quality/reviews.html", context, status=status)
