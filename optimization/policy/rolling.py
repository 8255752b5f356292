"""Prompts to rollouts: generation with all around it that makes a rollout fit to be trained on later."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from optimization.policy.config import Precision, Sampling
from optimization.policy.devices import computing, memory_in_words
from optimization.policy.generation import Continuation, generate
from optimization.policy.language_model import LanguageModel
from optimization.policy.learner import Between
from optimization.policy.rollouts import Prompt, Rollout
from optimization.policy.tokenisation import Tokenizer


def roll_out(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    *,
    seed: int,
    sources: Sequence[str] = (),
    copies: int = 1,
    rows_at_once: int = 256,
    precision: Precision = "auto",
    checkpoint: str = "",
    between: Between = lambda task, done, total: None,
) -> list[Rollout]:
    """`copies` rollouts of every prompt, those of one side by side; `sources` names each prompt's component."""
    tokens = [tokenizer.prompt(prompt.content()) for prompt in prompts]
    continuations = continued(
        model,
        tokenizer,
        tokens,
        sampling,
        seed=seed,
        copies=copies,
        rows_at_once=rows_at_once,
        precision=precision,
        between=between,
    )
    return [
        Rollout(
            source=sources[row // copies] if sources else "",
            group=row // copies,
            prompt=prompts[row // copies],
            prompt_tokens=tuple(tokens[row // copies]),
            tokens=tuple(made.tokens),
            log_probs=tuple(made.log_probs),
            nucleus=None if made.nucleus is None else tuple(map(tuple, made.nucleus)),
            temperature=sampling.temperature,
            text=tokenizer.decode(made.tokens),
            finished=made.finished,
            checkpoint=checkpoint,
        )
        for row, made in enumerate(continuations)
    ]


def continued(
    model: LanguageModel,
    tokenizer: Tokenizer,
    tokens: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    seed: int,
    copies: int,
    rows_at_once: int,
    precision: Precision,
    between: Between,
) -> list[Continuation]:
    """`copies` continuations of each, side by side. Raises OutOfMemory with what to lower."""
    device: torch.device = next(model.parameters()).device
    remedy = f"Lower rollout_batch_size, now {rows_at_once}, or max_tokens, now {sampling.max_tokens}."
    with memory_in_words("the rollouts", remedy), computing(device, precision):
        return generate(
            model,
            tokens,
            sampling,
            ends=tokenizer.ends,
            padding=tokenizer.padding,
            seed=seed,
            copies=copies,
            rows_at_once=rows_at_once,
            between=lambda done, total: between("rollouts", done, total),
        )
