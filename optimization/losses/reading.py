"""How one person's answer is read: the feedback on each output that the question is about."""

from __future__ import annotations

from optimization.core.values import Value
from optimization.losses.feedback import HumanFeedbackLoss
from optimization.losses.preference import HumanPreferenceLoss
from optimization.losses.questions import (
    Answer,
    PreferenceQuestion,
    Question,
    RankingQuestion,
    RubricQuestion,
)
from optimization.losses.ranking import HumanRankingLoss
from optimization.losses.rubric import HumanRubricLoss

NOT_SAID = "What is judged was not said."
"""The criteria of a question that has none: it was asked before a loss had to have some."""


def answer_feedback(question: Question, answer: Answer) -> list[Value]:
    """As the loss reads it that asked the question. `answer` is checked against the question."""
    criteria = question.criteria if question.criteria.strip() else NOT_SAID
    match question:
        case RubricQuestion(levels=levels, aspects=aspects):
            return [HumanRubricLoss(criteria, levels, aspects=aspects).read([answer])]
        case PreferenceQuestion():
            return list(HumanPreferenceLoss(criteria).read_pair([answer]))
        case RankingQuestion(allow_ties=allow_ties):
            return HumanRankingLoss(criteria, allow_ties=allow_ties).read_all([answer])
    return [HumanFeedbackLoss().read([answer])]
