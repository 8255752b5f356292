"""What a step is measured by: reward by component, KL, clip fraction, entropy, length, groups, speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from optimization.policy.batches import Batch
from optimization.policy.objectives import kl_k3
from optimization.policy.ranks import ALONE, Ranks
from optimization.policy.rewards import Rewards
from optimization.policy.rollouts import Rollout

Metrics = dict[str, float]


def reward_measures(rewards: Rewards, names: Sequence[str]) -> Metrics:
    """Mean and standard deviation of the scored rows' rewards, a genuine 0 among them, of each component and of all."""
    measures: Metrics = {
        "rollouts": float(len(rewards.values)),
        "rollouts_scored": float(rewards.scored.sum()),
    }
    columns = [("reward", rewards.scored)]
    columns += [
        (f"reward/{name}", rewards.scored & (rewards.source == number)) for number, name in enumerate(names)
    ]
    for name, rows in columns:
        if rows.any():
            measures[name] = float(rewards.values[rows].mean())
            measures[f"{name}/std"] = float(rewards.values[rows].std())
    return measures


def length_measures(rollouts: Sequence[Rollout]) -> Metrics:
    """Mean and greatest length in sampled tokens, and the share that was cut at its greatest length."""
    lengths = [sum(rollout.sampled) for rollout in rollouts]
    return {
        "length": sum(lengths) / len(lengths),
        "length/longest": float(max(lengths)),
        "truncated": sum(not rollout.finished for rollout in rollouts) / len(rollouts),
    }


class TokenMeasures:
    """Means over all trained tokens of a step, gathered micro-batch by micro-batch."""

    def __init__(self, epsilon: float, epsilon_high: float | None, ranks: Ranks = ALONE) -> None:
        self._low, self._high = epsilon, epsilon if epsilon_high is None else epsilon_high
        self._ranks = ranks
        self._sums: dict[str, Any] = {}

    @torch.no_grad()
    def add(self, batch: Batch, new: Tensor, entropy: Tensor, loss: Tensor) -> None:
        mask = batch.mask
        count = mask.sum()
        old = torch.where(batch.old_log_probs.isnan(), new, batch.old_log_probs)
        ratio, advantages = torch.exp(new - old)[mask], batch.advantages[mask]
        clipped = ((advantages > 0) & (ratio > 1 + self._high)) | ((advantages < 0) & (ratio < 1 - self._low))
        found = {
            "tokens": count,
            "loss": loss * count,
            "entropy": entropy[mask].sum(),
            "clip_fraction": clipped.sum(),
            "ratio": ratio.sum(),
            "kl_to_sampler": kl_k3(new[mask], old[mask]).sum(),
        }
        if batch.ref_log_probs is not None:
            found["kl"] = kl_k3(new[mask], batch.ref_log_probs[mask]).sum()
        for name, value in found.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.double()

    def means(self) -> Metrics:
        """Means a token, over all processes; and how many tokens there were."""
        sums = {name: float(self._ranks.summed(value)) for name, value in self._sums.items()}
        tokens = sums.pop("tokens", 0.0)
        return {name: value / max(tokens, 1.0) for name, value in sums.items()} | {"tokens_trained": tokens}
