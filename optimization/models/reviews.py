"""Proposals that a person decides on before they are applied."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from optimization.models.journal import WorkItem
from optimization.models.runs import Run


class Decision(models.TextChoices):
    """As in trainers.effects.Approval."""

    APPROVED = "approved"
    EDITED = "edited"
    REJECTED = "rejected"


class ProposalReview(models.Model):
    """One proposal of a run that asks for a person, and what was decided. Open while `decision` is empty.

    `proposal` and `candidate` are candidates' keys: what the optimizer wrote, and what an edit made of it. `item` is the
    work item that waits for the decision; a decision outlives it. One that nobody made by `due_at` is a rejection by
    nobody.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="reviews")
    item = models.OneToOneField(WorkItem, models.SET_NULL, null=True, related_name="review")
    iteration = models.PositiveIntegerField()
    ordinal = models.PositiveIntegerField()
    proposal = models.CharField(max_length=80)
    decision = models.CharField(max_length=8, choices=Decision.choices, blank=True)
    candidate = models.CharField(max_length=80, blank=True)
    reason = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "iteration", "ordinal", "proposal"], name="one_review_per_proposal"
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_at=None)
                | ~Q(decision="") & (Q(decided_by__isnull=False) | Q(decision="rejected")),
                name="who_decides_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"review of {self.run_id} {self.proposal}"

    @property
    def lapsed(self) -> bool:
        """Whether its time ran out before anybody decided."""
        return bool(self.decision) and self.decided_by_id is None
