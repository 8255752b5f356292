"""What the trainers and the generation ask of a model, whoever wrote it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from optimization.policy.sequences import Sequences

# Logits of so many numbers are made at once; with gradients, each part's are made again when they are needed.
LOGITS_AT_ONCE = 2**25


class KeyValueCache(Protocol):
    """What a model remembers of the tokens it has read."""

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order; a row may come several times."""


class LanguageModel(nn.Module):
    """A causal language model: tokens (B, L) to hidden states (B, L, D), and those to logits (..., V).

    `context` is the longest sequence it takes. There is no dropout: the policy that is trained is the one that sampled.
    """

    vocabulary: int
    context: int
    # peft's configuration of the adapters that the model was given, where it was.
    lora: dict[str, Any] | None = None
    # The folder or the name that the model was loaded from.
    origin: str | None = None

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What `config.json` says of the model."""

    def outer_name(self, name: str) -> str:
        """What a weight is called in the model's folder."""
        return name

    def is_transposed(self, name: str) -> bool:
        """Does the folder hold this weight transposed?"""
        return False

    @abstractmethod
    def hidden(
        self,
        tokens: Tensor,
        *,
        attention: Tensor | None = None,
        positions: Tensor | None = None,
        cache: Any = None,
    ) -> Tensor:
        """Hidden states of `tokens`, which follow what `cache` holds.

        `attention` (B, S), 0 for padding, covers the cache and the tokens. Without it nothing is padding, or only what
        follows a row's end.
        """

    @abstractmethod
    def head(self, hidden: Tensor) -> Tensor:
        """The logits of hidden states, before any temperature."""

    @abstractmethod
    def new_cache(self, length: int) -> Any:
        """An empty KeyValueCache for rows of up to so many tokens after their prompts."""

    def states(self, sequences: Sequences) -> Tensor:
        """(B, T, D): the hidden state from which each continuation token is predicted."""
        rows, ends = sequences.rows()
        hidden = self.hidden(rows[:, :-1])
        columns = ends[:, None] - 1 + torch.arange(sequences.tokens.shape[1], device=rows.device)
        # A row's padding may point past the longest row.
        columns = columns.clamp(max=hidden.shape[1] - 1)
        return hidden.gather(1, columns[:, :, None].expand(-1, -1, hidden.shape[-1]))

    def log_probs(
        self,
        sequences: Sequences,
        mask: Tensor,
        *,
        temperature: Tensor | None = None,
        kept: Tensor | None = None,
        chunk: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the continuation tokens and the entropy they were drawn with, both (B, T), float32.

        Only where `mask`, (B, T), is set; 0 elsewhere. They are those of the distribution that was sampled: logits
        divided by the row's `temperature`, (B,), and, where there was a nucleus, over `kept` alone, bool (M, V), a row
        for each of the mask's M positions. `chunk` positions are made into logits at once.
        """
        chosen = mask.bool()
        states, targets = self.states(sequences)[chosen], sequences.tokens[chosen]
        scale = None if temperature is None else temperature[:, None].expand_as(chosen)[chosen]
        size = chunk or max(LOGITS_AT_ONCE // self.vocabulary, 1)
        parts = []
        for start in range(0, len(targets), size):
            piece = slice(start, start + size)
            arguments = (
                states[piece],
                targets[piece],
                None if scale is None else scale[piece],
                None if kept is None else kept[piece],
            )
            if len(targets) > size and torch.is_grad_enabled():
                parts.append(checkpoint(self._chunk, *arguments, use_reentrant=False))
            else:
                parts.append(self._chunk(*arguments))
        nothing = torch.zeros(mask.shape, dtype=torch.float32, device=mask.device)
        if not parts:
            return nothing, nothing
        values, entropies = (torch.cat(column) for column in zip(*parts, strict=True))
        return nothing.masked_scatter(chosen, values), nothing.masked_scatter(chosen, entropies)

    def _chunk(
        self, states: Tensor, targets: Tensor, temperature: Tensor | None, kept: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        logits = self.head(states).float()
        if temperature is not None:
            logits = logits / temperature[:, None]
        if kept is not None:
            logits = logits.masked_fill(~kept, -torch.inf)
        log_shares = logits.log_softmax(-1)
        with torch.no_grad():
            entropies = -(log_shares.exp() * log_shares.clamp(min=torch.finfo(torch.float32).min)).sum(-1)
        return log_shares.gather(-1, targets[:, None]).squeeze(-1), entropies
