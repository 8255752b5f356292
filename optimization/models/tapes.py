"""Forward records that outlive the process that made them."""

from __future__ import annotations

from django.db import models

from optimization.models.journal import WorkItem
from optimization.models.runs import Run


class Tape(models.Model):
    """A ForwardRecord as JSON, under the id that its outputs carry in `meta["_tape_ids"]`.

    `released_by` is the work item whose backward consumed it; the record stays, for people, the optimizer's step, and a
    replay of that item.
    """

    id = models.CharField(primary_key=True, max_length=64)
    run = models.ForeignKey(Run, models.CASCADE, related_name="tapes")
    iteration = models.PositiveIntegerField()
    candidate = models.CharField(max_length=80)
    split = models.CharField(max_length=8)
    example = models.PositiveIntegerField()
    record = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    released_by = models.ForeignKey(WorkItem, models.SET_NULL, null=True, related_name="consumed_tapes")

    def __str__(self) -> str:
        return self.id
