"""GRPO: several rollouts of one prompt, each judged against the others of its group. Shao et al. 2024."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from optimization.policy.batches import Batch
from optimization.policy.config import GRPOConfig, PPOConfig
from optimization.policy.measures import Metrics
from optimization.policy.objectives import group_advantages
from optimization.policy.ppo import PPOTrainer
from optimization.policy.rollouts import Rollout


class GRPOTrainer(PPOTrainer):
    """PPOTrainer whose advantage is the reward against the mean of its group, the same for every token of a rollout.

    A group in which all rewards are equal teaches nothing: it is reported, and left out before it costs a pass.
    """

    Config: ClassVar[type[PPOConfig]] = GRPOConfig

    def assemble(self, rollouts: Sequence[Rollout], scores: Sequence[float | None]) -> Batch:
        size = self.config.group_size
        if len(rollouts) % size:
            raise ValueError(
                f"{len(rollouts)} rollouts do not divide into groups of {size}: give {size} rollouts of every prompt."
            )
        for start in range(0, len(rollouts), size):
            if len({(r.source, r.prompt_tokens) for r in rollouts[start : start + size]}) > 1:
                raise ValueError(
                    f"Rollouts {start} to {start + size - 1} are of different prompts: a group is {size} consecutive "
                    "rollouts of one."
                )
        return super().assemble(rollouts, scores)

    def _advantages_from_rewards(self, rewards: Tensor, mask: Tensor) -> Tensor:
        present = mask.bool().any(1)
        assert isinstance(self.config, GRPOConfig)
        scale, size = self.config.scale_rewards, self.config.group_size
        advantages = group_advantages(rewards, size, scale=scale, present=present)
        return advantages[:, None] * mask

    def _trainable(self, batch: Batch) -> Tensor:
        varied = batch.advantages.abs().amax(1).view(-1, self.config.group_size).amax(1) > 0
        return batch.mask.any(1) & varied.repeat_interleave(self.config.group_size)

    def measure(self, batch: Batch) -> Metrics:
        size = self.config.group_size
        scored = batch.mask.any(1).view(-1, size).any(1)
        varied = self._trainable(batch).view(-1, size).any(1)
        return super().measure(batch) | {
            "groups": float(len(scored)),
            "groups/zero_variance": float(torch.sum(scored & ~varied)),
        }
