"""The job behind `backend.train`: groups of conversations with rewards, and one call's arguments. Imports torch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from optimization.policy.backend_loss import clip_range, computed_before, loss_by, rate_by
from optimization.policy.batches import Batch
from optimization.policy.checkpoints import Counters, read_checkpoint, write_checkpoint
from optimization.policy.conversations import Group, rollout_of
from optimization.policy.errors import NotFinite
from optimization.policy.jobs.spec import TrainArguments, TrainJob
from optimization.policy.language_model import LanguageModel
from optimization.policy.learner import Learner
from optimization.policy.lora import add_lora
from optimization.policy.measures import Metrics, TokenMeasures
from optimization.policy.objectives import balance_advantages, group_advantages
from optimization.policy.plots import plot
from optimization.policy.rollouts import Rollout
from optimization.policy.tokenisation import Tokenizer

if TYPE_CHECKING:
    from optimization.policy.jobs.work import Bench


def train(
    job: TrainJob, model: LanguageModel, tokenizer: Tokenizer, bench: Bench
) -> tuple[Metrics, dict[str, Any]]:
    """Take the call's steps and write its checkpoint; metrics, and what else is to be said."""
    rewards = [c.reward for group in job.groups for c in group.conversations if c.reward is not None]
    if not all(map(torch.isfinite, torch.tensor(rewards))):
        raise NotFinite("A trajectory's reward is no number; nothing was trained.")
    std = float(torch.tensor(rewards).std(correction=0)) if rewards else 0.0
    rollouts, advantages, metrics = _trainable(job, tokenizer)
    metrics |= {"reward": sum(rewards) / len(rewards), "reward_std_dev": std} if rewards else {}
    if not rollouts:
        return metrics, {"trained": False}
    if job.settings.lora is not None and model.lora is None:
        add_lora(model, job.settings.lora, job.settings.seed)
    learner = _learner(job, model, std, bench)
    steps = 0 if job.checkpoint is None else read_checkpoint(Path(job.checkpoint), learner).steps
    started = time.perf_counter()
    batch = _batch(rollouts, advantages, tokenizer, learner, job.arguments)
    metrics |= _steps(job, learner, batch)
    metrics["learning_rate"] = learner.optimizer.param_groups[0]["lr"]
    metrics["tokens_per_second"] = metrics["tokens_trained"] / (time.perf_counter() - started)
    if job.arguments.plot_tensors and bench.ranks.first:
        bench.files.tensors.write_text(plot(batch, tokenizer))
    bench.between("checkpoint", 0, 1)
    write_checkpoint(Path(job.output), learner, tokenizer, Counters(steps=steps + 1))
    return metrics, {"trained": True}


def _trainable(job: TrainJob, tokenizer: Tokenizer) -> tuple[list[Rollout], list[float], Metrics]:
    """The rollouts that there is something to learn from, with their advantages; and how many groups there were."""
    rollouts: list[Rollout] = []
    advantages: list[float] = []
    counts = dict.fromkeys(("groups", "groups_trainable", "groups_zero_variance", "unscored", "unknown"), 0)
    for number, group in enumerate(job.groups):
        counts["groups"] += 1
        found = list(_scored(group, number, tokenizer, job.arguments, counts))
        if not found:
            continue
        rewards = torch.tensor([reward for _, reward in found], dtype=torch.float64)
        values = group_advantages(rewards, len(rewards), scale=job.arguments.scale_rewards).tolist()
        if not any(values):
            counts["groups_zero_variance"] += 1
            continue
        counts["groups_trainable"] += 1
        rollouts += [rollout for rollout, _ in found]
        advantages += values
    names = {"unscored": "trajectories_unscored", "unknown": "trajectories_without_log_probs"}
    return rollouts, advantages, {names.get(name, name): float(count) for name, count in counts.items()}


def _scored(
    group: Group, number: int, tokenizer: Tokenizer, arguments: TrainArguments, counts: dict[str, int]
) -> Iterator[tuple[Rollout, float]]:
    for conversation in group.conversations:
        rollout = rollout_of(
            conversation,
            tokenizer,
            group=number,
            without_log_probs=arguments.allow_training_without_logprobs,
        )
        counts["unscored"] += conversation.reward is None
        counts["unknown"] += rollout is None
        if rollout is not None and conversation.reward is not None:
            yield rollout, conversation.reward


def _learner(job: TrainJob, model: LanguageModel, reward_std: float, bench: Bench) -> Learner:
    settings = job.settings
    return Learner(
        model.eval(),
        learning_rate=rate_by(job.arguments, reward_std, job.first_reward_std),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        micro_batch_size=settings.micro_batch_size,
        precision=settings.precision,
        chunk=job.arguments.logprob_calculation_chunk_size,
        between=bench.between,
        ranks=bench.ranks,
    )


def _batch(
    rollouts: list[Rollout],
    advantages: list[float],
    tokenizer: Tokenizer,
    learner: Learner,
    arguments: TrainArguments,
) -> Batch:
    longest = max(len(rollout.prompt_tokens) + len(rollout.tokens) for rollout in rollouts)
    if longest > learner.model.context:
        raise ValueError(
            f"A trajectory has {longest} tokens and the model's context is {learner.model.context}: leave it out, or "
            "shorten the conversation."
        )
    batch = Batch.of(rollouts, tokenizer.padding).to(learner.device)
    spread = torch.tensor(advantages, device=learner.device)[:, None] * batch.mask
    batch = replace(
        batch, advantages=balance_advantages(spread, batch.mask.float(), arguments.advantage_balance)
    )
    if not computed_before(arguments):
        return batch
    # Then `old` is the policy before this call as it computes here, and `original` what the sampler noted.
    return replace(
        batch,
        original_log_probs=batch.old_log_probs,
        old_log_probs=learner.scan(batch, "log-probabilities"),
    )


def _steps(job: TrainJob, learner: Learner, batch: Batch) -> Metrics:
    arguments, settings = job.arguments, job.settings
    tokens, norms = TokenMeasures(*clip_range(arguments), learner.ranks), []

    def loss_of(micro: Batch, new: Tensor, entropy: Tensor) -> Tensor:
        loss = loss_by(arguments, micro, new)
        tokens.add(micro, new, entropy, loss)
        return loss

    for epoch in range(settings.epochs):
        order = torch.arange(len(batch))
        if settings.minibatches > 1:
            random = torch.Generator().manual_seed(settings.seed * 1000 + epoch)
            order = torch.randperm(len(batch), generator=random)
        for part in order.chunk(settings.minibatches):
            norms.append(learner.update(batch.select(part.sort().values.to(learner.device)), loss_of))
    return tokens.means() | {
        "optimizer_steps": float(len(norms)),
        "gradient_norm": sum(norms) / len(norms),
    }
