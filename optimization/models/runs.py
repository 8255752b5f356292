"""Runs, their iterations and the events that pages follow."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from optimization.models.datasets import DatasetVersion
from optimization.models.programs import ProgramVersion
from optimization.models.workspaces import Workspace

IDLE = -20  # the urgency of what holds nothing up


class RunState(models.TextChoices):
    RUNNING = "running"
    PAUSED = "paused"
    NEEDS_ATTENTION = "needs_attention"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class Activity(models.TextChoices):
    """What a running run is doing, kept by `advance` so that lists can filter on it."""

    NONE = ""
    MODELS = "models"
    PEOPLE = "people"


class RunKind(models.TextChoices):
    """What a run improves: the prompts of a program, or the weights of a policy."""

    PROMPTS = "prompts"
    POLICY = "policy"


class Run(models.Model):
    """One optimisation. A policy's run has no program, and names its further datasets in `sources`. `config` is the launch form, validated (runs.config.RunConfig); `pins` what it is held to.

    Of `budget` US dollars so many are `spent`, and `reserved` for calls under way. `trainer_state` is where the
    algorithm stands at the start of `iteration`. `reason` says in words why the run is in its state, and what to do
    where something is to be done. A fork begins where its `parent` stood at the start of iteration `forked_at`, with
    the parent's own parameter versions. `restarted` is the iteration that was begun anew last; `urgency` is what its
    questions' rows carry (feedback.urgency). A counterfactual run is a fork that leaves out the answers of `without`
    (runs.without).
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=8, choices=RunKind.choices, default=RunKind.PROMPTS)
    name = models.CharField(max_length=160)
    program_version = models.ForeignKey(ProgramVersion, models.PROTECT, null=True, related_name="runs")
    dataset_version = models.ForeignKey(DatasetVersion, models.PROTECT, related_name="runs")
    config = models.JSONField()
    pins = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=RunState.choices, default=RunState.RUNNING)
    activity = models.CharField(max_length=8, choices=Activity.choices, default=Activity.NONE, blank=True)
    reason = models.TextField(blank=True)
    state_since = models.DateTimeField()
    iteration = models.PositiveIntegerField(default=0)
    revision = models.PositiveIntegerField(default=0)
    restarted = models.PositiveIntegerField(null=True, blank=True)
    trainer_state = models.JSONField(default=dict)
    optimizer_state = models.JSONField(default=dict)
    urgency = models.SmallIntegerField(default=IDLE)
    event_seq = models.PositiveBigIntegerField(default=0)
    budget = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    spent = models.FloatField(default=0.0)
    reserved = models.FloatField(default=0.0)
    replay_asked_at = models.DateTimeField(null=True, blank=True)
    without = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="forks")
    forked_at = models.PositiveIntegerField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="runs")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="runs_newest_first"),
            models.Index(fields=["workspace", "-state_since", "-id"], name="runs_by_change"),
            models.Index(fields=["workspace", "name", "id"], name="runs_by_name"),
            models.Index(fields=["workspace", "state", "-created_at", "activity"], name="runs_by_state"),
            models.Index(fields=["state"], condition=Q(state="running"), name="runs_to_advance"),
            models.Index(
                fields=["replay_asked_at"], condition=Q(replay_asked_at__isnull=False), name="runs_to_replay"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="policy") | Q(program_version__isnull=False), name="prompts_are_a_programs"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def program(self) -> ProgramVersion:
        """The version of the program whose prompts it improves. LookupError for a policy's run, which has none."""
        if self.program_version is None:
            raise LookupError(f"“{self.name}” trains a policy and has no program.")
        return self.program_version

    @property
    def subject(self) -> str:
        """What it improves: the program's title, or the model that the policy began as."""
        if self.program_version is None:
            return str(self.config["base"])
        return self.program_version.program.title


class Iteration(models.Model):
    """One iteration as people see it: written when it starts, completed in the transaction that ends it.

    `state` is the trainer's state at its start, from which a fork may begin. `changed` names the parameters that
    the step changed; `note` says what happened ("2 of 2 changed", "kept, no gain").
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="iterations")
    number = models.PositiveIntegerField()
    state = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    train_score = models.FloatField(null=True, blank=True)
    changed = models.JSONField(default=list)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_row_per_iteration")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"


class Score(models.Model):
    """A candidate's score on a split: `position` 0 is the start of the run, k the state after k iterations.

    `mean` and `stderr` are over the `count` examples that have a score.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="scores")
    position = models.PositiveIntegerField()
    split = models.CharField(max_length=8)
    candidate = models.CharField(max_length=80)
    mean = models.FloatField(null=True)
    stderr = models.FloatField(null=True)
    count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "position", "split"], name="one_score_per_position")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.split} at {self.position}: {self.mean}"


class RunEvent(models.Model):
    """Append-only. `seq` grows by one within its run; sockets carry {run, seq} and pages fetch what they lack."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="events")
    seq = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="one_event_per_seq")]

    def __str__(self) -> str:
        return f"{self.run_id}#{self.seq} {self.kind}"
