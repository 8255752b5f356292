"""Policies: what their runs sample from, rollouts as they were sampled, steps, checkpoints, jobs under way."""

from __future__ import annotations

from django.db import models

from optimization.models.datasets import DatasetVersion, ExampleSplit
from optimization.models.journal import Effect, WorkItem
from optimization.models.runs import Run
from optimization.models.workspaces import Workspace


class RolloutSource(models.Model):
    """A component of a policy run, in the order of its configuration: the prompts are made of this dataset's examples."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="sources")
    index = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=80)
    dataset_version = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "index"], name="one_source_per_index")]

    def __str__(self) -> str:
        return self.name


class RolloutGroup(models.Model):
    """The rollouts of one prompt, side by side. `prompt` has its text, target and tokens; `samples` is immutable: what was sampled, with all that
    training on it needs (runs.policy.storage). `rewards` has a number a sample, or null where nobody has scored it; null as a whole until
    it was tried. `verdicts` is what the judge said of each; `figures` the tokens' KL and ratio after the step."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="rollout_groups")
    effect = models.ForeignKey(Effect, models.CASCADE, related_name="rollout_groups")
    index = models.PositiveIntegerField()
    source = models.PositiveSmallIntegerField()
    split = models.CharField(max_length=8, choices=ExampleSplit.choices)
    example = models.PositiveIntegerField()
    checkpoint = models.CharField(max_length=80)
    prompt = models.JSONField()
    samples = models.JSONField()
    rewards = models.JSONField(null=True, blank=True)
    verdicts = models.JSONField(default=list)
    figures = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["effect", "index"], name="one_group_per_index")]

    def __str__(self) -> str:
        return f"group {self.index} of effect {self.effect_id}"


class Checkpoint(models.Model):
    """A policy's weights after a step: a folder that is there whole, each attempt's its own. This row is the pointer: it
    is written under the item's fence, so that a worker which lost its lease points nowhere. `removed_at` once pruned."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="checkpoints")
    key = models.CharField(max_length=80)
    step = models.PositiveIntegerField()
    iteration = models.PositiveIntegerField(default=0)
    path = models.CharField(max_length=400)
    size = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="one_checkpoint_per_key")]

    def __str__(self) -> str:
        return f"{self.run_id} step {self.step}"


class PolicyStep(models.Model):
    """What a training step was measured by. `checkpoint` is null where there was nothing to learn from."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="policy_steps")
    iteration = models.PositiveIntegerField()
    checkpoint = models.ForeignKey(Checkpoint, models.SET_NULL, null=True, blank=True, related_name="steps")
    staleness = models.PositiveSmallIntegerField(default=0)
    metrics = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "iteration"], name="one_policy_step_per_iteration")
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.iteration}"


class ModelLog(models.Model):
    """What `TrainableModel.log` was told of a model at a step: metrics, named with their split, or groups of trajectories."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="model_logs")
    project = models.CharField(max_length=120)
    model = models.CharField(max_length=120)
    step = models.PositiveIntegerField()
    split = models.CharField(max_length=40, blank=True)
    metrics = models.JSONField(default=dict)
    groups = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "project", "model", "step"], name="logs_by_model")]

    def __str__(self) -> str:
        return f"{self.project}/{self.model} at {self.step}"


class PolicyJob(models.Model):
    """How far a GPU item's child process is: `done` of `total` of a task, on which device. Overwritten as it goes."""

    item = models.OneToOneField(WorkItem, models.CASCADE, related_name="job")
    task = models.CharField(max_length=80, blank=True)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    device = models.CharField(max_length=40, blank=True)
    begun_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.task} {self.done}/{self.total}"
