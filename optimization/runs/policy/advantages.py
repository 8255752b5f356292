"""What a step made of its batch's rewards, by the run's own settings; as policy.objectives computes it, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Self

EPS = 1e-8
Group = Sequence[float | None]


@dataclass(frozen=True)
class Rule:
    """`scale`: in standard deviations of the group. `balance` is a backend's, which also brings the batch to a mean
    magnitude of 1; None where the trainer's own loss is taken."""

    scale: bool
    balance: float | None

    @classmethod
    def of(cls, config: dict[str, Any]) -> Self | None:
        """A run's; None where rewards are held against no group."""
        if config["trainer"]["name"] != "GRPOTrainer":
            return None
        backend = config.get("backend")
        arguments = (backend or config["trainer"])["args"]
        balance = arguments.get("advantage_balance", 0.0) if backend else None
        return cls(arguments.get("scale_rewards", True), balance)

    def advantages(
        self, batch: Sequence[Group], lengths: Sequence[Sequence[int]]
    ) -> list[list[float | None]]:
        """Of rewards, group by group; `lengths` are the numbers of tokens that each completion was trained on."""
        groups = [_against_its_mean(group, self.scale) for group in batch]
        return groups if self.balance is None else _balanced(groups, lengths, self.balance)


def _against_its_mean(rewards: Group, scale: bool) -> list[float | None]:
    known = [reward for reward in rewards if reward is not None]
    if len(set(known)) < 2:
        return [None if reward is None else 0.0 for reward in rewards]
    mean = fmean(known)
    spread = fmean([(reward - mean) ** 2 for reward in known]) ** 0.5 + EPS if scale else 1.0
    return [None if reward is None else (reward - mean) / spread for reward in rewards]


def _balanced(
    groups: Sequence[Sequence[float | None]], lengths: Sequence[Sequence[int]], balance: float
) -> list[list[float | None]]:
    """The sign that `balance` speaks against weighs less; then all are divided by their mean magnitude, a token each."""
    less = 1 - abs(balance)

    def weighed(value: float | None) -> float | None:
        return value * less if value and (value < 0) == (balance > 0) else value

    changed = [[weighed(value) for value in group] for group in groups]
    rows = [
        (abs(value), length)
        for group, counts in zip(changed, lengths, strict=True)
        for value, length in zip(group, counts, strict=True)
        if any(group) and value is not None
    ]
    tokens = sum(length for _, length in rows)
    magnitude = sum(value * length for value, length in rows) / tokens if tokens else 0.0
    return [[value / magnitude if value and magnitude else value for value in group] for group in changed]
