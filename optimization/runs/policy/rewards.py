"""Who may score a policy's rollouts."""

from __future__ import annotations

from optimization.losses import LOSSES, LossModule
from optimization.losses.group import LLMGroupLoss
from optimization.runs.arguments import arguments_check
from optimization.runs.assembly import loss_made
from optimization.runs.config import Choice

REWARDS: dict[str, type[LossModule]] = {LLMGroupLoss.__name__: LLMGroupLoss} | {
    name: loss for name, loss in LOSSES.items() if loss.gives_score
}


def reward_made(choice: Choice) -> LossModule:
    """The loss that scores a component. Raises ArgumentError, or ValueError in words."""
    if choice.name not in REWARDS:
        raise ValueError(f"“{choice.name}” gives no reward; use one of {', '.join(sorted(REWARDS))}.")
    if choice.name == LLMGroupLoss.__name__:
        return LLMGroupLoss(**arguments_check(LLMGroupLoss, choice.args))
    return loss_made(choice)
