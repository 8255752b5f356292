"""The step of `LocalBackend.train`, by its arguments: alone in a job of its own, or as the trainer of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

from torch import Tensor

from optimization.policy.batches import Batch
from optimization.policy.components import Component
from optimization.policy.config import GRPOConfig, PPOConfig
from optimization.policy.grpo import GRPOTrainer
from optimization.policy.jobs.spec import TrainArguments
from optimization.policy.language_model import LanguageModel
from optimization.policy.objectives import balance_advantages, policy_loss
from optimization.policy.rollouts import Rollout
from optimization.policy.tokenisation import Tokenizer

# The arguments that `policy_loss` has by the same name.
OF_THE_LOSS = set(TrainArguments.model_fields) & set(signature(policy_loss).parameters)


def loss_by(arguments: TrainArguments, batch: Batch, new: Tensor) -> Tensor:
    """`policy_loss` of a batch whose log-probabilities are now `new`."""
    return policy_loss(
        new,
        batch.old_log_probs,
        batch.advantages,
        batch.mask,
        original=batch.original_log_probs,
        **arguments.model_dump(include=OF_THE_LOSS),
    )


def clip_range(arguments: TrainArguments) -> tuple[float, float]:
    """How far down and up a ratio may move, as `policy_loss` has it by default."""
    low = arguments.epsilon or (0.2 if arguments.ppo else 1.0)
    return low, arguments.epsilon_high or (low if arguments.ppo else 4.0)


def rate_by(arguments: TrainArguments, reward_std: float, first_reward_std: float | None) -> float:
    """The learning rate of a call whose rewards have this standard deviation."""
    if arguments.scale_learning_rate_by_reward_std_dev and first_reward_std:
        return arguments.learning_rate * reward_std / first_reward_std
    return arguments.learning_rate


def computed_before(arguments: TrainArguments) -> bool:
    """Are the old log-probabilities to be computed before the update, in place of the sampler's?"""
    return arguments.precalculate_logprobs or arguments.truncated_importance_sampling is not None


class BackendLossTrainer(GRPOTrainer):
    """GRPOTrainer whose advantages, loss and learning rate are the backend's. There is no reference: no KL penalty.

    `first_reward_std` is the standard deviation of the run's first rewards.
    """

    def __init__(
        self,
        policy: LanguageModel,
        tokenizer: Tokenizer,
        components: Sequence[Component],
        config: PPOConfig,
        *,
        arguments: TrainArguments,
        first_reward_std: float | None = None,
        **options: Any,
    ) -> None:
        low, high = clip_range(arguments)
        said = {
            "beta": 0.0,
            "epsilon": low,
            "epsilon_high": high,
            "learning_rate": arguments.learning_rate,
            "scale_rewards": arguments.scale_rewards,
        }
        told = GRPOConfig.model_validate(config.model_dump() | said)
        super().__init__(policy, tokenizer, components, told, **options)
        self.arguments, self.first_reward_std = arguments, first_reward_std
        self.learner.chunk = arguments.logprob_calculation_chunk_size

    def assemble(self, rollouts: Sequence[Rollout], scores: Sequence[float | None]) -> Batch:
        batch = super().assemble(rollouts, scores)
        weights = (batch.mask & self._trainable(batch)[:, None]).float()
        balanced = balance_advantages(batch.advantages, weights, self.arguments.advantage_balance)
        batch = replace(batch, advantages=balanced)
        if batch.scored.any():
            std = float(batch.rewards[batch.scored].std(correction=0))
            for group in self.learner.optimizer.param_groups:
                group["lr"] = rate_by(self.arguments, std, self.first_reward_std)
        if not computed_before(self.arguments):
            return batch
        # Then `old` is the policy before this step as it computes here, and `original` what was noted while sampling.
        return replace(batch, original_log_probs=batch.old_log_probs, old_log_probs=self.log_prob_step(batch))

    def forward(self, batch: Batch, new: Tensor | None = None) -> Tensor:
        if new is None:
            new, _ = self.learner.log_probs(batch)
        return loss_by(self.arguments, batch, new)
