"""Rollouts as the tensors that a policy is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from optimization.policy.rollouts import Rollout
from optimization.policy.sequences import Sequences, padded

Nuclei = tuple[tuple[tuple[int, ...], ...] | None, ...]


@dataclass(frozen=True)
class Batch:
    """N rollouts. Column t of a (N, T) tensor is about the t-th token after the prompt.

    The hidden state before it predicts it, the prompt's last token the first: `mask`, which marks what the policy
    sampled, lies on the targets and leaves the first sampled token in. `old_log_probs` is NaN where unknown. `rewards`
    (N,) are 0 where `scored` is False: nobody has scored those rows yet, and their mask is empty. `source` numbers a
    row's component. `original_log_probs` are the sampler's, where `old_log_probs` were computed again since.
    """

    sequences: Sequences
    mask: Tensor
    old_log_probs: Tensor
    temperature: Tensor
    group: Tensor
    rewards: Tensor
    scored: Tensor
    source: Tensor
    advantages: Tensor
    ref_log_probs: Tensor | None = None
    original_log_probs: Tensor | None = None
    nuclei: Nuclei | None = None

    def __len__(self) -> int:
        return len(self.mask)

    @classmethod
    def of(cls, rollouts: Sequence[Rollout], padding: int) -> Batch:
        """The rollouts' tensors, before anybody has scored them. Raises ValueError if there are none."""
        if not rollouts:
            raise ValueError("There are no rollouts, so there is nothing to train on.")
        for rollout in rollouts:
            if rollout.temperature == 0 and any(rollout.sampled):
                raise ValueError(
                    "A rollout was sampled at temperature 0. It has no distribution to learn from: sample at a "
                    "temperature above 0."
                )
        sequences = Sequences.of(
            [rollout.prompt_tokens for rollout in rollouts], [rollout.tokens for rollout in rollouts], padding
        )
        mask, _ = padded([rollout.sampled for rollout in rollouts], False)
        shape, rows = mask.shape, len(rollouts)
        old = torch.zeros(shape)
        for row, rollout in enumerate(rollouts):
            old[row, : len(rollout.tokens)] = torch.tensor(rollout.log_probs, dtype=torch.float32)
        nuclei = tuple(rollout.nucleus for rollout in rollouts)
        return cls(
            sequences=sequences,
            mask=mask.bool(),
            old_log_probs=old,
            temperature=torch.tensor([rollout.temperature for rollout in rollouts]),
            group=torch.tensor([rollout.group for rollout in rollouts]),
            rewards=torch.zeros(rows),
            scored=torch.zeros(rows, dtype=torch.bool),
            source=torch.zeros(rows, dtype=torch.long),
            advantages=torch.zeros(shape),
            nuclei=nuclei if any(nucleus is not None for nucleus in nuclei) else None,
        )

    def select(self, rows: Tensor) -> Batch:
        """These rows, as wide as the longest of them needs."""
        real = self.mask[rows].any(0).nonzero()
        width = int(real[-1]) + 1 if len(real) else 1
        return self._map(
            lambda tensor: tensor[rows, :width] if tensor.ndim == 2 else tensor[rows],
            sequences=self.sequences.select(rows, width),
            nuclei=None if self.nuclei is None else tuple(self.nuclei[row] for row in rows.tolist()),
        )

    def micro_batches(self, size: int) -> Iterator[Batch]:
        """The rows in their order, so many at a time."""
        for rows in torch.arange(len(self), device=self.mask.device).split(size):
            yield self.select(rows)

    def to(self, device: torch.device) -> Batch:
        return self._map(lambda tensor: tensor.to(device), sequences=self.sequences.to(device))

    def kept(self, vocabulary: int) -> Tensor | None:
        """bool (M, V): for each of the mask's positions, the tokens that could have been sampled; None for all."""
        if self.nuclei is None:
            return None
        kept = torch.ones(int(self.mask.sum()), vocabulary, dtype=torch.bool)
        position = 0
        for nucleus, count in zip(self.nuclei, self.mask.sum(1).tolist(), strict=True):
            for offset in range(count if nucleus is not None else 0):
                kept[position + offset] = False
                kept[position + offset, list((nucleus or ())[offset])] = True
            position += count
        return kept.to(self.mask.device)

    def _map(self, change: Any, **others: Any) -> Batch:
        tensors = {
            field.name: change(value)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **tensors, **others)
