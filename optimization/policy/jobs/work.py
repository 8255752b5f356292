"""What the child does for each kind of job. Imports torch."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from functools import singledispatch
from pathlib import Path
from typing import Any

import torch

from optimization.policy.backend_loss import BackendLossTrainer
from optimization.policy.batches import Batch
from optimization.policy.components import Component, Scores
from optimization.policy.devices import choose_device
from optimization.policy.example import beginner
from optimization.policy.grpo import GRPOTrainer
from optimization.policy.jobs.spec import (
    BeginnerJob,
    Job,
    JobFolder,
    Resources,
    Result,
    RewardModelJob,
    RolloutJob,
    StepJob,
    TokenFigures,
    TrainJob,
)
from optimization.policy.jobs.training import train
from optimization.policy.learner import Between
from optimization.policy.measures import length_measures
from optimization.policy.models import load_model, save_model
from optimization.policy.objectives import kl_k3
from optimization.policy.ppo import PPOTrainer
from optimization.policy.ranks import Ranks, join, leave
from optimization.policy.reward_model import Comparison, RewardModelTrainer
from optimization.policy.rollouts import write_rollouts
from optimization.policy.turns import roll_turns

TRAINERS: dict[str, type[PPOTrainer]] = {"PPOTrainer": PPOTrainer, "GRPOTrainer": GRPOTrainer}


@dataclass(frozen=True)
class Bench:
    """What a job is done with: its files, the device, the other processes, and whom to tell how far it is."""

    files: JobFolder
    device: str
    ranks: Ranks
    between: Between


def work(job: Job, resources: Resources, files: JobFolder, between: Between) -> Result:
    """Do the job; its result. Raises what went wrong, in words."""
    if resources.threads is not None:
        torch.set_num_threads(resources.threads)
    ranks = join()
    try:
        # The parent has made the chosen GPU the only one that is seen.
        device = resources.device.partition(":")[0]
        return do(job, Bench(files, device, ranks, between))
    finally:
        leave(ranks)


def import_all() -> None:
    """Import what the first optimizer would import, seconds of it, without computing anything."""
    torch.optim.AdamW([torch.nn.Parameter(torch.empty(1))])


@singledispatch
def do(job: Job, bench: Bench) -> Result:
    raise ValueError(f"There is no job of the kind {job.kind!r}.")


@do.register
def _(job: RolloutJob, bench: Bench) -> Result:
    if bench.ranks.count > 1:
        raise ValueError("Rollouts take one process: give parts of the prompts to several jobs.")
    model, tokenizer = load_model(job.model)
    started = time.perf_counter()
    rollouts = roll_turns(
        model.to(choose_device(bench.device)),
        tokenizer,
        job.prompts,
        job.follow_ups or ((),) * len(job.prompts),
        job.sampling,
        seed=job.seed,
        sources=job.sources,
        copies=job.copies,
        rows_at_once=job.rollout_batch_size,
        precision=job.precision,
        checkpoint=job.model,
        between=bench.between,
    )
    tokens = sum(sum(rollout.sampled) for rollout in rollouts)
    speed = {"tokens_per_second": tokens / (time.perf_counter() - started)}
    write_rollouts(bench.files.rollouts, rollouts)
    used = sorted({token for rollout in rollouts for token in rollout.tokens})
    pieces = {token: tokenizer.decode([token]) for token in used}
    bench.files.pieces.write_text(json.dumps(pieces))
    return Result(state="done", metrics=length_measures(rollouts) | speed)


@do.register
def _(job: StepJob, bench: Bench) -> Result:
    trainer = _trainer(job, bench)
    if job.checkpoint is not None:
        trainer.restore(Path(job.checkpoint))
    started = time.perf_counter()
    batch = trainer.assemble(job.rollouts, job.scores)
    metrics = trainer.measure(batch) | length_measures(job.rollouts) | trainer.step(batch)
    metrics["tokens_per_second"] = metrics["tokens_trained"] / (time.perf_counter() - started)
    if job.figures:
        _write_figures(job, trainer, batch, bench)
    trained = metrics["optimizer_steps"] > 0
    if trained:
        bench.between("checkpoint", 0, 1)
        trainer.save(Path(job.output))
    return Result(state="done", metrics=metrics, details={"trained": trained, "step": trainer.steps})


def _trainer(job: StepJob, bench: Bench) -> PPOTrainer:
    model, tokenizer = load_model(job.base)
    components = [Component(name, {}, _nobody) for name in job.components]
    options: dict[str, Any] = {"device": bench.device, "between": bench.between, "ranks": bench.ranks}
    config = job.trainer_config()
    if job.arguments is None:
        return TRAINERS[job.trainer](model, tokenizer, components, config, **options)
    return BackendLossTrainer(
        model,
        tokenizer,
        components,
        config,
        arguments=job.arguments,
        first_reward_std=job.first_reward_std,
        **options,
    )


def _write_figures(job: StepJob, trainer: PPOTrainer, batch: Batch, bench: Bench) -> None:
    ratios = torch.exp(trainer.log_prob_step(batch) - batch.old_log_probs)
    divergences = None if batch.ref_log_probs is None else kl_k3(batch.old_log_probs, batch.ref_log_probs)
    # Of what was not trained on, the reference was not asked.
    known = torch.zeros(len(batch), dtype=torch.bool)
    if batch.ref_log_probs is not None:
        known = (batch.ref_log_probs != 0).any(1).cpu()
    if not bench.ranks.first:
        return
    with bench.files.figures.open("w") as file:
        for row, rollout in enumerate(job.rollouts):
            tokens = slice(0, len(rollout.tokens))
            kl = None
            if divergences is not None and known[row]:
                kl = tuple(divergences[row, tokens].nan_to_num().tolist())
            figures = TokenFigures(kl=kl, ratio=tuple(ratios[row, tokens].nan_to_num(1.0).tolist()))
            file.write(figures.model_dump_json() + "\n")


@do.register
def _(job: BeginnerJob, bench: Bench) -> Result:
    policy, tokenizer = beginner(
        job.steps,
        job.seed,
        on_step=lambda step, loss: bench.between("reading and writing, from scratch", step, job.steps),
    )
    save_model(Path(job.output), policy, tokenizer)
    return Result(state="done")


@do.register
def _(job: TrainJob, bench: Bench) -> Result:
    model, tokenizer = load_model(job.base)
    metrics, details = train(job, model.to(choose_device(bench.device)), tokenizer, bench)
    return Result(state="done", metrics=metrics, details=details)


@do.register
def _(job: RewardModelJob, bench: Bench) -> Result:
    model, tokenizer = load_model(job.base)
    trainer = RewardModelTrainer(model, tokenizer, job.config, device=bench.device, between=bench.between)
    trust = trainer.fit([Comparison(c.prompt, c.chosen, c.rejected, c.margin) for c in job.comparisons])
    trainer.save(Path(job.output))
    metrics = {"held_out_pairs": float(trust.pairs), "accuracy": trust.accuracy, "loss": trust.loss}
    return Result(
        state="done",
        metrics=metrics | {"calibration_error": trust.calibration_error},
        details={"trust": asdict(trust), "model": job.output},
    )


def _nobody(rollouts: object) -> Scores:
    raise ValueError("The rollouts of a job are scored before it begins.")
