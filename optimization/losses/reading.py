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


def answer_feedback(question: Question, answer: Answer) -> list[Value]:
    """As the loss reads it that asked the question. `answer` is checked against the question."""
    match question:
        case RubricQuestion(criteria=criteria, levels=levels, aspects=aspects):
            return [HumanRubricLoss(criteria, levels, aspects=aspects).read([answer])]
        case PreferenceQuestion(criteria=criteria):
            return list(HumanPreferenceLoss(criteria).read_pair([answer]))
        case RankingQuestion(criteria=criteria, allow_ties=allow_ties):
            return HumanRankingLoss(criteria, allow_ties=allow_ties).read_all([answer])
    return [HumanFeedbackLoss().read([answer])]
