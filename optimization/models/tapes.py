"""Forward records that outlive the process that made them."""

from __future__ import annotations

from django.db import models

from optimization.models.runs import Run


class Tape(models.Model):
    """A ForwardRecord as JSON, under the id that its outputs carry in `meta["_tape_ids"]`.

    `feedback` is what backward left, by parameter name; null until it has run.
    """

    id = models.CharField(primary_key=True, max_length=64)
    run = models.ForeignKey(Run, models.CASCADE, related_name="tapes")
    iteration = models.PositiveIntegerField()
    candidate = models.CharField(max_length=80)
    split = models.CharField(max_length=8)
    example = models.PositiveIntegerField()
    record = models.JSONField()
    feedback = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    released_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.id
