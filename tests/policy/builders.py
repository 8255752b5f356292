"""Tiny policies and trainers, alike wherever they are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from optimization.policy.components import Component, Scorer
from optimization.policy.config import GRPOConfig, PPOConfig, Sampling
from optimization.policy.grpo import GRPOTrainer
from optimization.policy.ppo import PPOTrainer
from optimization.policy.rollouts import Prompt, Rollout
from optimization.policy.tokenisation import ByteTokenizer
from optimization.policy.transformer import Architecture, Transformer

TINY = Architecture(context=64, width=16, layers=2, heads=2)
PROMPTS = tuple(Prompt(text=text) for text in ("one", "fifteen", "three hundred", "4"))


def tiny(seed: int = 0, spread: float = 0.3) -> Transformer:
    """A transformer of 8 thousand weights, stirred so that its distributions are not flat."""
    model = Transformer(TINY, seed)
    random = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for weight in model.parameters():
            weight += spread * torch.randn(weight.shape, generator=random)
    return model.eval()


def even(rollouts: Sequence[Rollout]) -> list[float | None]:
    """The share of even tokens: about a half at first, and a policy can raise it."""
    return [sum(token % 2 == 0 for token in each.tokens) / len(each.tokens) for each in rollouts]


def component(name: str = "even", scorer: Scorer = even, prompts: Sequence[Prompt] = PROMPTS) -> Component:
    return Component(name, {"train": prompts, "test": prompts[:2]}, scorer)


def ppo(model: Transformer | None = None, components: Sequence[Component] = (), **config: Any) -> PPOTrainer:
    return PPOTrainer(
        model or tiny(),
        ByteTokenizer(),
        components or [component()],
        PPOConfig(**{"prompts_per_step": 4, "sampling": Sampling(max_tokens=6), **config}),
        device="cpu",
    )


def grpo(
    model: Transformer | None = None, components: Sequence[Component] = (), **config: Any
) -> GRPOTrainer:
    return GRPOTrainer(
        model or tiny(),
        ByteTokenizer(),
        components or [component()],
        GRPOConfig(**{"prompts_per_step": 3, "sampling": Sampling(max_tokens=6), **config}),
        device="cpu",
    )


def rollout(
    tokens: Sequence[int] = (1, 2, 3), prompt: Sequence[int] = (7, 8), log_prob: float = -1.0, **fields: Any
) -> Rollout:
    return Rollout(
        prompt_tokens=tuple(prompt),
        tokens=tuple(tokens),
        log_probs=(log_prob,) * len(tokens),
        **{"source": "even", "text": "x", **fields},
    )
