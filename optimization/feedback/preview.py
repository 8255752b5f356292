"""How an answer would be read if it were sent: the text that the optimizer gets, before anything is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from optimization.core.payloads import remarks
from optimization.core.remarks import parameter_feedback
from optimization.core.values import Value
from optimization.feedback.errors import HoldLost
from optimization.feedback.parsing import answer_parse
from optimization.feedback.showings import question_shown
from optimization.losses.composite import weighed
from optimization.losses.module import feedback_value
from optimization.losses.questions import PreferenceQuestion, Question, RankingQuestion
from optimization.losses.reading import answer_feedback
from optimization.models import Claim, FeedbackRequest

LOSSES = {
    "rubric": "HumanRubricLoss",
    "feedback": "HumanFeedbackLoss",
    "preference": "HumanPreferenceLoss",
    "ranking": "HumanRankingLoss",
}


@dataclass(frozen=True)
class Reading:
    """What reaches the optimizer about one output, in the order in which they are shown.

    `text` is what stands on a prompt whose node made the output; nodes further back get it by way of the nodes between.
    """

    remarks: list[str]
    score: float | None
    text: str


def answer_preview(*, request: FeedbackRequest, user: User, body: dict[str, Any]) -> list[Reading]:
    """One reading an output; raises InvalidAnswer where the answer could not be sent as it is.

    Raises HoldLost for a question that the person never held.
    """
    if not Claim.objects.filter(request=request, user=user).exists():
        raise HoldLost("You have not held this question; claim it first.")
    question = question_shown(request=request, user=user)
    verdicts = answer_feedback(question, answer_parse(question, body))
    weight = _weight(request)
    return [
        _reading(verdict, weight, question.context, output)
        for verdict, output in zip(verdicts, _outputs(question), strict=True)
    ]


def _reading(verdict: Value, weight: float | None, context: dict[str, Any], output: Any) -> Reading:
    if weight is not None and remarks(verdict):
        verdict = feedback_value([weighed(verdict, weight)], verdict.score)
    return Reading(remarks(verdict), verdict.score, parameter_feedback(verdict, context, output))


def _outputs(question: Question) -> list[Any]:
    if isinstance(question, PreferenceQuestion | RankingQuestion):
        return list(question.outputs)
    return [question.output]


def _weight(request: FeedbackRequest) -> float | None:
    """The part that the question has among a run's several losses; None for the only one."""
    loss = request.run.config.get("loss") or {}
    members = loss.get("args", {}).get("losses", ())
    return next((float(weight) for member, weight in members if member["name"] == LOSSES[request.kind]), None)
