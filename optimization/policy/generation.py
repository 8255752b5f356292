"""Rollouts by batched generation: prompts are read once, then every step draws one token for every row still going.

What is drawn is a function of the weights, the prompt and the seed: a row has uniform numbers of its own, so neither
the size of a batch nor the rows beside it change what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from optimization.policy.config import Sampling
from optimization.policy.language_model import LanguageModel
from optimization.policy.sampling import draw, sampling_logits
from optimization.policy.sequences import padded

# Rows that have ended are taken out of the batch once they are so many of it.
ENDED_SHARE = 0.25
# Weights times rows, the products of one token each, below which one thread is as fast as several.
ONE_THREAD_BELOW = 2**28


@dataclass
class Continuation:
    """What was sampled: tokens, the end token included, and the log-probabilities they were drawn with.

    `nucleus` lists, for each token, those that could have been drawn, where top-p left any out.
    """

    tokens: list[int]
    log_probs: list[float]
    nucleus: list[list[int]] | None = field(default=None, repr=False)
    finished: bool = False


@torch.inference_mode()
def generate(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    ends: Collection[int],
    padding: int,
    seed: int,
    copies: int = 1,
    rows_at_once: int = 256,
    between: Callable[[int, int], None] = lambda done, total: None,
) -> list[Continuation]:
    """`copies` continuations of every prompt, side by side. `between(tokens drawn, at most)` is called now and then.

    Raises ValueError for a prompt that leaves no room for `sampling.max_tokens`.
    """
    for prompt in prompts:
        if len(prompt) + sampling.max_tokens > model.context:
            raise ValueError(
                f"A prompt of {len(prompt)} tokens and {sampling.max_tokens} to come exceed the model's context of "
                f"{model.context}: shorten the prompt or lower max_tokens."
            )
    uniform = torch.rand(
        len(prompts) * copies, sampling.max_tokens, generator=torch.Generator().manual_seed(seed)
    )
    total, done = uniform.numel(), 0
    continuations: list[Continuation] = []
    at_once = max(rows_at_once // copies, 1)
    with _threads_for(model, min(at_once, len(prompts)) * copies):
        for start in range(0, len(prompts), at_once):
            few = prompts[start : start + at_once]
            numbers = uniform[start * copies : (start + len(few)) * copies]
            rows = _Rows(model, few, copies, sampling, numbers, frozenset(ends), padding)
            for step in range(sampling.max_tokens):
                if step % 8 == 0:
                    between(done + step * len(numbers), total)
                if not rows.draw(step):
                    break
            done += numbers.numel()
            continuations += rows.continuations()
    return continuations


@contextmanager
def _threads_for(model: LanguageModel, rows: int) -> Iterator[None]:
    """One thread while little is multiplied at once: several would wait for each other longer than they compute, and
    on a busy machine many times as long.
    """
    weights = sum(weight.numel() for weight in model.parameters())
    device, threads = next(model.parameters()).device, torch.get_num_threads()
    if device.type != "cpu" or weights * rows >= ONE_THREAD_BELOW:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Rows:
    """Rows that are continued together."""

    def __init__(
        self,
        model: LanguageModel,
        prompts: Sequence[Sequence[int]],
        copies: int,
        sampling: Sampling,
        uniform: Tensor,
        ends: frozenset[int],
        padding: int,
    ) -> None:
        self.model, self.sampling = model, sampling
        device = next(model.parameters()).device
        self.ends = torch.tensor(sorted(ends), device=device)
        self.uniform = uniform.to(device)
        self.tokens = torch.full(uniform.shape, padding, device=device)
        self.log_probs = torch.zeros(uniform.shape, device=device)
        self.lengths = torch.zeros(len(uniform), dtype=torch.long, device=device)
        self.finished = torch.zeros(len(uniform), dtype=torch.bool, device=device)
        self.nuclei: list[list[list[int]]] | None = [[] for _ in uniform] if 0 < sampling.top_p < 1 else None
        tokens, read = padded(prompts, padding, left=True)
        self._read(tokens.to(device), read.to(device), copies)

    def _read(self, tokens: Tensor, read: Tensor, copies: int) -> None:
        self.cache = self.model.new_cache(self.sampling.max_tokens)
        self.attention = self.positions = None
        if not read.all():
            self.attention, self.positions = read, (read.cumsum(1) - 1).clamp(min=0)
        hidden = self.model.hidden(
            tokens, attention=self.attention, positions=self.positions, cache=self.cache
        )[:, -1]
        if self.attention is not None and self.positions is not None:
            to_come = read.new_ones(len(read), self.sampling.max_tokens)
            self.attention, self.positions = torch.cat([read, to_come], 1), self.positions[:, -1]
        self.prompt_length = tokens.shape[1]
        # Which of all rows the rows in the cache are; those that have ended stay in it for a while.
        self.alive = torch.arange(len(self.uniform), device=tokens.device)
        self.hidden = hidden
        self._keep(torch.arange(len(tokens), device=tokens.device).repeat_interleave(copies))

    def _keep(self, rows: Tensor) -> None:
        self.cache.select(rows)
        self.hidden = self.hidden[rows]
        if self.attention is not None and self.positions is not None:
            self.attention, self.positions = self.attention[rows], self.positions[rows]

    def draw(self, step: int) -> bool:
        """Draw the next token of every row; False when all have ended."""
        log_shares, chosen = self._chosen(self.uniform[self.alive, step])
        going = ~self.finished[self.alive]
        rows = self.alive[going]
        self.tokens[rows, step] = chosen[going]
        self.log_probs[rows, step] = log_shares.gather(1, chosen[:, None])[going, 0]
        self.lengths[rows] += 1
        self.finished[rows] = torch.isin(chosen[going], self.ends)
        if self.nuclei is not None:
            for row, shares in zip(rows.tolist(), log_shares[going], strict=True):
                self.nuclei[row].append(shares.isfinite().nonzero()[:, 0].tolist())
        going = ~self.finished[self.alive]
        left = int(going.sum())
        if left == 0 or step + 1 == self.sampling.max_tokens:
            return False
        if left <= (1 - ENDED_SHARE) * len(going):
            kept = going.nonzero()[:, 0]
            self.alive, chosen = self.alive[kept], chosen[kept]
            self._keep(kept)
        self._advance(chosen, step)
        return True

    def _chosen(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.model.head(self.hidden)
        if self.sampling.temperature == 0:
            chosen = logits.argmax(-1)
            return torch.full_like(logits, -torch.inf).scatter(1, chosen[:, None], 0.0).float(), chosen
        shares = sampling_logits(logits, self.sampling.temperature, self.sampling.top_p).log_softmax(-1)
        return shares, draw(shares, uniform)

    def _advance(self, chosen: Tensor, step: int) -> None:
        attention = positions = None
        if self.attention is not None and self.positions is not None:
            attention = self.attention[:, : self.prompt_length + step + 1]
            positions = (self.positions + step + 1)[:, None]
        self.hidden = self.model.hidden(
            chosen[:, None], attention=attention, positions=positions, cache=self.cache
        )[:, -1]

    def continuations(self) -> list[Continuation]:
        return [
            Continuation(
                tokens[:length],
                log_probs[:length],
                None if self.nuclei is None else self.nuclei[row],
                finished,
            )
            for row, (tokens, log_probs, length, finished) in enumerate(
                zip(
                    self.tokens.tolist(),
                    self.log_probs.tolist(),
                    self.lengths.tolist(),
                    self.finished.tolist(),
                    strict=True,
                )
            )
        ]
