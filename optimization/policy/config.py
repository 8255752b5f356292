"""The arguments of policy training, checked by their types. Imports without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["auto", "float32", "bfloat16"]


class _Arguments(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sampling(_Arguments):
    """How completions are drawn."""

    temperature: float = Field(1.0, ge=0, description="Divides the logits; 0 takes the likeliest token.")
    top_p: float = Field(
        1.0, gt=0, le=1, description="Only the likeliest tokens that together have this probability."
    )
    max_tokens: int = Field(64, ge=1, description="The longest completion.")


class Lora(_Arguments):
    """Train small matrices beside the weights instead of the weights (Hu et al. 2021), by peft."""

    rank: int = Field(8, ge=1, description="Rank of the update.")
    alpha: int = Field(16, ge=1, description="The update is scaled by alpha / rank.")
    targets: tuple[str, ...] | Literal["all-linear"] = Field(
        "all-linear", description="Ends of the names of the layers that get one."
    )


class PPOConfig(_Arguments):
    """What PPOTrainer takes."""

    learning_rate: float = Field(1e-5, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0, description="A longer gradient is shortened to this.")
    beta: float = Field(
        0.04, ge=0, description="Weight of the KL divergence from the policy at the start; 0 drops it."
    )
    epsilon: float = Field(0.2, gt=0, description="How far the ratio of probabilities may move.")
    epsilon_high: float | None = Field(None, gt=0, description="How far up, where that differs.")
    discount: float = Field(1.0, ge=0, le=1, description="Per token, from the last one back.")
    prompts_per_step: int = Field(16, ge=1, description="Prompts a batch.")
    group_size: int = Field(1, ge=1, description="Rollouts a prompt.")
    sampling: Sampling = Sampling()
    epochs: int = Field(1, ge=1, description="Passes over a batch.")
    minibatches: int = Field(1, ge=1, description="Optimizer steps a pass.")
    micro_batch_size: int = Field(64, ge=1, description="Rollouts in memory at once while training.")
    rollout_batch_size: int = Field(256, ge=1, description="Rollouts in memory at once while sampling.")
    old_log_probs: Literal["sampled", "recomputed"] = Field(
        "sampled",
        description="Take the log-probabilities that were noted while sampling, or compute them again before the "
        "update, where sampling and training round differently.",
    )
    lora: Lora | None = None
    precision: Precision = "auto"
    seed: int = 0


class GRPOConfig(PPOConfig):
    """What GRPOTrainer takes."""

    group_size: int = Field(4, ge=2, description="Rollouts a prompt.")
    scale_rewards: bool = Field(True, description="Divide by the standard deviation of the group.")


class RewardModelConfig(_Arguments):
    """What RewardModelTrainer takes."""

    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    epochs: int = Field(10, ge=1)
    batch_size: int = Field(32, ge=1, description="Pairs an optimizer step.")
    centering: float = Field(
        0.01, ge=0, description="Keeps scores around 0, which pairs alone would leave open."
    )
    held_out: float = Field(
        0.2, ge=0, lt=1, description="Share of the prompts whose pairs are kept for measuring."
    )
    precision: Precision = "auto"
    seed: int = 0
