"""Small language policies learn from people, verifiers and judges: PPO, GRPO and reward models in torch.

torch is imported by the modules that compute, and by this package when one of its trainers is asked for; config,
rollouts, components, tokenisation and jobs do without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimization.policy.backboned import BackbonedPPOTrainer
    from optimization.policy.grpo import GRPOTrainer
    from optimization.policy.ppo import PPOTrainer
    from optimization.policy.reward_model import RewardModelTrainer

__all__ = ["BackbonedPPOTrainer", "GRPOTrainer", "PPOTrainer", "RewardModelTrainer"]

_HOMES = {
    "PPOTrainer": "ppo",
    "GRPOTrainer": "grpo",
    "BackbonedPPOTrainer": "backboned",
    "RewardModelTrainer": "reward_model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
