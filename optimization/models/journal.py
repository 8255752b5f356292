"""The journal of a run: effects, the work items that carry them out, and the calls already paid for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from optimization.models.endpoints import Endpoint
from optimization.models.runs import Run


class Effect(models.Model):
    """One effect of an iteration. Replay compares `kind` and `digest` before it hands `result` to the trainer."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="effects")
    iteration = models.PositiveIntegerField()
    ordinal = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)
    digest = models.CharField(max_length=64)
    result = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "iteration", "ordinal"], name="one_effect_per_ordinal"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.iteration}/{self.ordinal} {self.kind}"


class WorkState(models.TextChoices):
    DUE = "due"
    LEASED = "leased"
    WAITING = "waiting"  # for people
    DONE = "done"
    FAILED = "failed"


class WorkItem(models.Model):
    """A part of an effect that one worker does under a lease.

    Taking it raises `fence`; every write of a result says `fence = mine`, so that a worker which lost its lease
    changes nothing; `settled` is the fence of who ended it. `errors` counts raised errors, `losses` expired leases, `lone_losses` those of leases under which it
    was `alone` in its process: an item that kills its worker is known by them. `reopened` counts how often it was put to
    work again because an answer that it had read was edited. `set_aside` are the dollars held back for the `calls_out` that
    its holder makes just now. A `late` item does the work of another one of its effect
    once more, with answers that came after the effect was complete; the effect's result stays as it is.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="work")
    effect = models.ForeignKey(Effect, models.CASCADE, related_name="work")
    index = models.PositiveIntegerField()
    queue = models.CharField(max_length=12)
    kind = models.CharField(max_length=16)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=WorkState.choices, default=WorkState.DUE)
    due_at = models.DateTimeField()
    fence = models.PositiveIntegerField(default=0)
    settled = models.PositiveIntegerField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    errors = models.PositiveSmallIntegerField(default=0)
    losses = models.PositiveSmallIntegerField(default=0)
    alone = models.BooleanField(default=False)
    lone_losses = models.PositiveSmallIntegerField(default=0)
    reopened = models.PositiveSmallIntegerField(default=0)
    late = models.BooleanField(default=False)
    set_aside = models.FloatField(default=0.0)
    calls_out = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    result = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["effect", "index"], name="one_work_item_per_index")]
        indexes = [
            models.Index(fields=["queue", "due_at"], condition=Q(state="due"), name="work_due"),
            models.Index(fields=["lease_until"], condition=Q(state="leased"), name="work_leased"),
            models.Index(fields=["run", "state"], name="work_by_run"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.index} of effect {self.effect_id}"

    @property
    def stands_at(self) -> tuple[int, int]:
        """The iteration and the effect in which its work was first asked for; of late work that is lent, its lender's."""
        iteration, ordinal = self.payload.get("at") or (self.effect.iteration, self.effect.ordinal)
        return iteration, ordinal


class Call(models.Model):
    """A model's response, durable before anything is built on it. `key` is Scope.key(), unique within the run.

    `cost` is in US dollars, `latency` in seconds.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="calls")
    key = models.CharField(max_length=400)
    iteration = models.PositiveIntegerField()
    item = models.ForeignKey(WorkItem, models.SET_NULL, null=True, related_name="calls")
    alias = models.CharField(max_length=80)
    endpoint = models.ForeignKey(Endpoint, models.SET_NULL, null=True, related_name="+")
    digest = models.CharField(max_length=64)
    request = models.JSONField()
    text = models.TextField()
    model = models.CharField(max_length=160)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.FloatField(default=0.0)
    latency = models.FloatField(default=0.0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="one_response_per_key")]
        # Sums over a run's calls read this index alone, never the texts.
        indexes = [
            models.Index(
                fields=["run", "iteration", "cost", "prompt_tokens", "completion_tokens"],
                name="calls_by_iteration",
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.key}"
