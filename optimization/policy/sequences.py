"""Prompts and what follows them, as tensors. A prompt that several rows share is there once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sequences:
    """B continuations (B, T), padded on the right, of U prompts (U, P), padded on the left; no prompt is empty.

    `read` (U, P) is False for a prompt's padding; `prompt_of` (B,) says which prompt a row continues.
    """

    prompts: Tensor
    read: Tensor
    prompt_of: Tensor
    tokens: Tensor

    @classmethod
    def of(
        cls, prompts: Sequence[Sequence[int]], continuations: Sequence[Sequence[int]], padding: int
    ) -> Sequences:
        """Row i is prompts[i] followed by continuations[i]; equal prompts become one."""
        if not all(prompts):
            raise ValueError("A prompt without a token cannot be continued: begin it with a start token.")
        numbers: dict[tuple[int, ...], int] = {}
        prompt_of = [numbers.setdefault(tuple(prompt), len(numbers)) for prompt in prompts]
        left, read = padded(list(numbers), padding, left=True)
        right, _ = padded(continuations, padding)
        return cls(left, read, torch.tensor(prompt_of), right)

    @property
    def unpadded(self) -> bool:
        """Are all prompts of one length?"""
        return bool(self.read.all())

    def select(self, rows: Tensor, width: int) -> Sequences:
        """These rows, their continuations cut to `width` tokens, and the prompts that they need."""
        needed, prompt_of = self.prompt_of[rows].unique(return_inverse=True)
        read = self.read[needed]
        first = int(read.any(0).long().argmax())
        return Sequences(self.prompts[needed, first:], read[:, first:], prompt_of, self.tokens[rows, :width])

    def to(self, device: torch.device) -> Sequences:
        return replace(self, **{name: tensor.to(device) for name, tensor in vars(self).items()})

    def rows(self) -> tuple[Tensor, Tensor]:
        """Whole rows (B, L), padded on the right, and where their prompts end (B,)."""
        prompts, read = self.prompts[self.prompt_of], self.read[self.prompt_of]
        whole = torch.cat([prompts, self.tokens], 1)
        ends = read.sum(1)
        columns = torch.arange(whole.shape[1], device=whole.device) + (prompts.shape[1] - ends)[:, None]
        longest = int(ends.max()) + self.tokens.shape[1]
        return whole.gather(1, columns[:, :longest].clamp(max=whole.shape[1] - 1)), ends


def padded(lists: Sequence[Sequence[int]], padding: int, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Token lists as one (n, longest) tensor, and a bool tensor that is False for padding."""
    width = max(map(len, lists), default=0)
    tokens = torch.full((len(lists), width), padding)
    real = torch.zeros((len(lists), width), dtype=torch.bool)
    for row, ids in enumerate(lists):
        place = slice(width - len(ids), width) if left else slice(0, len(ids))
        tokens[row, place] = torch.tensor(ids, dtype=torch.long)
        real[row, place] = True
    return tokens, real
