"""Losses by name, as a run's configuration names them."""

from __future__ import annotations

from optimization.losses.composite import CompositeLoss
from optimization.losses.feedback import HumanFeedbackLoss, LLMFeedbackLoss
from optimization.losses.module import LossModule
from optimization.losses.preference import HumanPreferenceLoss, LLMPreferenceLoss
from optimization.losses.ranking import HumanRankingLoss, LLMRankingLoss
from optimization.losses.rubric import HumanRubricLoss, LLMRubricLoss
from optimization.losses.verifier import VerifierLoss

LOSSES: dict[str, type[LossModule]] = {
    loss.__name__: loss
    for loss in (
        VerifierLoss,
        LLMFeedbackLoss,
        HumanFeedbackLoss,
        LLMRubricLoss,
        HumanRubricLoss,
        LLMPreferenceLoss,
        HumanPreferenceLoss,
        LLMRankingLoss,
        HumanRankingLoss,
        CompositeLoss,
    )
}
