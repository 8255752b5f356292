"""Carrying out a policy's items: jobs on the GPU, and rewards, which any worker can give."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from django.db.models.functions import Now

from optimization.core import Value
from optimization.core.concurrency import concurrently
from optimization.llm.scope import scoped
from optimization.losses import LossModule
from optimization.models import (
    Checkpoint,
    Example,
    PolicyStep,
    RolloutGroup,
    RolloutSource,
    Run,
    Score,
    WorkItem,
)
from optimization.policy.errors import NotFinite
from optimization.policy.jobs import RolloutJob, StepJob
from optimization.policy.jobs.spec import TokenFigures
from optimization.policy.rollouts import Prompt, Rollout, read_rollouts
from optimization.runs.policy.backend import backend_arguments
from optimization.runs.policy.config import PolicyRunConfig
from optimization.runs.policy.expansion import groups_of
from optimization.runs.policy.gpu import JobCancelled, JobStopped, job_done, job_over
from optimization.runs.policy.launch import policy_trainer
from optimization.runs.policy.rewards import reward_made
from optimization.runs.policy.settling import RewardedNow, RolledOutNow, TrainedNow
from optimization.runs.policy.storage import (
    base_path,
    checkpoint_folder,
    folder_let_go,
    folder_size,
    packed,
    rollout_read,
    sample_stored,
    unpacked,
)
from optimization.runs.work.bench import Bench
from optimization.runs.work.settling import Attention, Return
from optimization.runs.work.sheet import Sheet
from optimization.runs.work.writer import Operation

DEATHS_ALLOWED = 3


async def rollout(sheet: Sheet, bench: Bench) -> Operation:
    """Sample the batch in a job, and store every rollout with what it was sampled with."""
    job = await bench.read(partial(_rollout_job, sheet.item, bench.run))
    try:
        result, folder = await job_done(sheet.item, bench, job)
    except (JobStopped, JobCancelled) as stopped:
        return _let_go(sheet.item, stopped)
    groups = _groups(sheet.item, job, read_rollouts(folder / "rollouts.jsonl"), folder / "pieces.json")
    job_over(sheet.item)
    return RolledOutNow(sheet.item, groups, dict(result.metrics))


async def train(sheet: Sheet, bench: Bench) -> Operation:
    """Take the step in a job; its checkpoint is a folder of this attempt's own until the pointer is written."""
    item = sheet.item
    groups, job = await bench.read(partial(step_job, item, bench.run))
    try:
        result, folder = await job_done(item, bench, job)
    except (JobStopped, JobCancelled) as stopped:
        return _let_go(item, stopped)
    figures = _figures(groups, folder / "figures.jsonl")
    made = Path(job.output)
    checkpoint = None
    if result.details["trained"]:
        step = item.payload["step"] + 1
        checkpoint = Checkpoint(
            run=bench.run,
            key=f"step-{step}",
            step=step,
            iteration=item.effect.iteration + 1,
            path=str(made),
            size=folder_size(made),
        )
    job_over(item)
    await bench.read(partial(checkpoints_prune, bench.run))
    return TrainedNow(item, dict(result.metrics), checkpoint, figures)


async def reward(sheet: Sheet, bench: Bench) -> Operation:
    """Have a group scored by its component: by a loss that compares in one call, else each by itself."""
    group, example = await bench.read(partial(_group_read, sheet.item))
    config = PolicyRunConfig.model_validate(bench.run.config)
    component = config.components[group.source]
    loss = reward_made(component.reward).bind(bench.resources)
    texts = [sample["text"] for sample in group.samples]
    verdicts = await _judged(loss, texts, example)
    rewards = [verdict.score for verdict in verdicts]
    for text, value in zip(texts, rewards, strict=True):
        if value is not None and not math.isfinite(value):
            raise NotFinite(
                f"“{component.name}” gave {value} for {text[:80]!r}. A reward is a finite number, or none; nothing was "
                "trained."
            )
    said = [[text for some in verdict.payload for text in some] for verdict in verdicts]
    return RewardedNow(sheet.item, group.pk, rewards, said)


async def _judged(loss: LossModule, texts: Sequence[str], example: Example) -> list[Value]:
    if loss.compares and len(texts) > 1:
        return await loss.together(texts, example.target, context=example.inputs)

    async def one(place: int, text: str) -> Value:
        with scoped(sample=place):
            verdict: Value = await loss(text, example.target, context=example.inputs)
            return verdict

    return await concurrently(one(place, text) for place, text in enumerate(texts))


def _let_go(item: WorkItem, stopped: JobStopped | JobCancelled) -> Operation:
    """A killed process costs an attempt; what another attempt would meet again stops the run in words."""
    if isinstance(stopped, JobCancelled):
        return Return(item)
    if stopped.again and item.errors + 1 < DEATHS_ALLOWED:
        return Return(item, error=str(stopped), counts=True)
    return Attention(
        item,
        f"{stopped} Mend it and press Retry, or launch again with other settings: the last checkpoint is untouched.",
    )


# -- what a job is made of, read from the database -----------------------------------------------------------


def _rollout_job(item: WorkItem, run: Run) -> RolloutJob:
    asked, config = item.payload, PolicyRunConfig.model_validate(run.config)
    trainer = policy_trainer(run)
    examples = _examples(run, asked["prompts"], asked["split"])
    prompts, follow_ups = [], []
    for source, position in asked["prompts"]:
        component, example = config.components[source], examples[source, position]
        text = component.filled(example.inputs)
        shown = ({"role": "user", "content": text},) if component.chat else text
        prompts.append(Prompt(text=shown, target=example.target))
        follow_ups.append(component.followed(example.inputs))
    sampling = trainer.plan.sampling
    if asked["temperature"] is not None:
        sampling = sampling.model_copy(update={"temperature": asked["temperature"]})
    return RolloutJob(
        model=_weights(run, asked["checkpoint"], config) or base_path(config.base),
        prompts=tuple(prompts),
        sources=tuple(config.components[source].name for source, _ in asked["prompts"]),
        follow_ups=tuple(follow_ups),
        copies=asked["copies"],
        sampling=sampling,
        seed=asked["seed"],
        rollout_batch_size=trainer.plan.rollout_batch_size,
        precision=trainer.plan.precision,
    )


def step_job(item: WorkItem, run: Run, *, begun: str | None = None) -> tuple[list[RolloutGroup], StepJob]:
    """The step's job, and the groups that it is taken on. `begun` is a folder to begin with in place of the stored one."""
    asked, config = item.payload, PolicyRunConfig.model_validate(run.config)
    trainer = policy_trainer(run)
    groups = list(groups_of(run, asked["batch"]))
    rollouts: list[Rollout] = []
    scores: list[float | None] = []
    for group in groups:
        rollouts += [
            rollout_read(
                sample,
                prompt_tokens=unpacked(group.prompt["tokens"], "i"),
                prompt=Prompt(text=group.prompt["text"], target=group.prompt["target"]),
                source=config.components[group.source].name,
                group=group.index,
                checkpoint=group.checkpoint,
            )
            for sample in group.samples
        ]
        scores += group.rewards or [None] * len(group.samples)
    return groups, StepJob(
        trainer="GRPOTrainer" if trainer.name == "GRPOTrainer" else "PPOTrainer",
        config=trainer.config,
        base=base_path(config.base),
        checkpoint=begun or _weights(run, asked["checkpoint"], config),
        output=str(checkpoint_folder(item, asked["step"] + 1)),
        components=tuple(component.name for component in config.components),
        rollouts=tuple(rollouts),
        scores=tuple(scores),
        arguments=backend_arguments(config),
        first_reward_std=_first_reward_std(run),
        figures=True,
    )


def _first_reward_std(run: Run) -> float | None:
    """The standard deviation of the first rewards, of the run or of those that it was forked from."""
    if run.parent is not None and run.forked_at and (before := _first_reward_std(run.parent)) is not None:
        return before
    first = PolicyStep.objects.filter(run=run).order_by("iteration").first()
    return None if first is None else first.metrics.get("reward/std")


def _weights(run: Run, key: str, config: PolicyRunConfig) -> str | None:
    """The folder of a checkpoint; None for what the policy began as."""
    if key == "initial":
        return None
    found = Checkpoint.objects.get(run=run, key=key)
    if found.removed_at is not None or not Path(found.path).is_dir():
        raise ValueError(
            f"The checkpoint after step {found.step} is no longer at {found.path}. Bring it back, or launch again."
        )
    return found.path


def _examples(run: Run, prompts: Sequence[Sequence[int]], split: str) -> dict[tuple[int, int], Example]:
    found: dict[tuple[int, int], Example] = {}
    for source in RolloutSource.objects.filter(run=run):
        wanted = [position for index, position in prompts if index == source.index]
        rows = Example.objects.filter(version=source.dataset_version_id, split=split, position__in=wanted)
        found |= {(source.index, example.position): example for example in rows}
    return found


def _group_read(item: WorkItem) -> tuple[RolloutGroup, Example]:
    group = RolloutGroup.objects.get(pk=item.payload["group"])
    source = RolloutSource.objects.get(run=item.run_id, index=group.source)
    example = Example.objects.get(
        version=source.dataset_version_id, split=group.split, position=group.example
    )
    return group, example


# -- what a job has left -------------------------------------------------------------------------------------


def _groups(item: WorkItem, job: RolloutJob, rollouts: Sequence[Rollout], pieces: Path) -> list[RolloutGroup]:
    texts: Mapping[str, str] = json.loads(pieces.read_text())
    groups = []
    for index, (source, example) in enumerate(item.payload["prompts"]):
        mine = rollouts[index * job.copies : (index + 1) * job.copies]
        prompt = job.prompts[index]
        groups.append(
            RolloutGroup(
                run_id=item.run_id,
                effect=item.effect,
                index=index,
                source=source,
                split=item.payload["split"],
                example=example,
                checkpoint=item.payload["checkpoint"],
                prompt={
                    "text": prompt.model_dump(mode="json")["text"],
                    "target": prompt.target,
                    "tokens": packed(mine[0].prompt_tokens, "i"),
                },
                samples=[sample_stored(one, [texts[str(token)] for token in one.tokens]) for one in mine],
            )
        )
    return groups


def _figures(groups: Sequence[RolloutGroup], file: Path) -> dict[int, list[Any]]:
    """Of each group's samples, packed."""
    with file.open() as lines:
        each = [TokenFigures.model_validate_json(line) for line in lines]
    found: dict[int, list[Any]] = {}
    for group in groups:
        found[group.pk] = [
            {"kl": None if one.kl is None else packed(one.kl), "ratio": packed(one.ratio)}
            for one in each[: len(group.samples)]
        ]
        each = each[len(group.samples) :]
    return found


def checkpoints_prune(run: Run) -> None:
    """Of the checkpoints the latest stay, as many as the run keeps, the one with the best test reward, and the one that a
    fork began with: its first step can be replayed from nothing else.

    A folder that a fork shares stays as long as a run has it.
    """
    kept = PolicyRunConfig.model_validate(run.config).checkpoints_kept
    best = (
        Score.objects.filter(run=run, split="test", mean__isnull=False).order_by("-mean", "-position").first()
    )
    present = list(Checkpoint.objects.filter(run=run, removed_at=None).order_by("-step"))
    for checkpoint in present[kept:]:
        begun_with = run.forked_at is not None and checkpoint.iteration <= run.forked_at
        if begun_with or (best is not None and checkpoint.key == best.candidate):
            continue
        if Checkpoint.objects.filter(pk=checkpoint.pk, removed_at=None).update(removed_at=Now()):
            folder_let_go(checkpoint.path)
