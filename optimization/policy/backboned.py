"""PPO that begins from a pretrained model. theseus' BackbonedPPOTrainer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from optimization.policy.components import Component
from optimization.policy.config import PPOConfig
from optimization.policy.models import load_model
from optimization.policy.ppo import PPOTrainer


class BackbonedPPOTrainer(PPOTrainer):
    """PPOTrainer of any causal language model of transformers."""

    @classmethod
    def from_pretrained(
        cls,
        path_or_name: str | Path,
        components: Sequence[Component] = (),
        config: PPOConfig | None = None,
        **options: Any,
    ) -> Self:
        """A trainer of the model in that folder, or of that name on the hub, with the tokenizer that it has.

        `options` are PPOTrainer's. Raises what `load_model` raises.
        """
        policy, tokenizer = load_model(path_or_name)
        return cls(policy, tokenizer, components, config, **options)
