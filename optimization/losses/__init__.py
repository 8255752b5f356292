"""Losses: what an output is worth, and what would make it better, said by code, by models and by people."""

from optimization.losses.answers import Problem, check_answer
from optimization.losses.composite import CompositeLoss
from optimization.losses.console import ConsoleDesk
from optimization.losses.desks import ScriptedDesk, current_desk, use_desk
from optimization.losses.feedback import HumanFeedbackLoss, LLMFeedbackLoss
from optimization.losses.module import LossModule
from optimization.losses.preference import HumanPreferenceLoss, LLMPreferenceLoss
from optimization.losses.questions import (
    ANSWER,
    QUESTION,
    Answer,
    Aspect,
    FeedbackAnswer,
    FeedbackDesk,
    FeedbackQuestion,
    Mark,
    PreferenceAnswer,
    PreferenceQuestion,
    Question,
    RankingAnswer,
    RankingQuestion,
    RubricAnswer,
    RubricLevel,
    RubricQuestion,
)
from optimization.losses.ranking import HumanRankingLoss, LLMRankingLoss
from optimization.losses.registry import LOSSES
from optimization.losses.rubric import HumanRubricLoss, LLMRubricLoss
from optimization.losses.verifier import VerifierLoss

__all__ = [
    "ANSWER",
    "LOSSES",
    "QUESTION",
    "Answer",
    "Aspect",
    "CompositeLoss",
    "ConsoleDesk",
    "FeedbackAnswer",
    "FeedbackDesk",
    "FeedbackQuestion",
    "HumanFeedbackLoss",
    "HumanPreferenceLoss",
    "HumanRankingLoss",
    "HumanRubricLoss",
    "LLMFeedbackLoss",
    "LLMPreferenceLoss",
    "LLMRankingLoss",
    "LLMRubricLoss",
    "LossModule",
    "Mark",
    "PreferenceAnswer",
    "PreferenceQuestion",
    "Problem",
    "Question",
    "RankingAnswer",
    "RankingQuestion",
    "RubricAnswer",
    "RubricLevel",
    "RubricQuestion",
    "ScriptedDesk",
    "VerifierLoss",
    "check_answer",
    "current_desk",
    "use_desk",
]
