"""What the quality of answers is measured with and mended by: gold items, decisions of reviewers, a model's opinions."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from optimization.models.workspaces import Workspace


class Gold(models.Model):
    """A question whose answer is known. Shown among questions of the same `shape` (feedback.gold), unseen as such.

    `expected` is an answer of losses.questions. One that is not `active` is shown no more; what it has shown stays.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="gold")
    kind = models.CharField(max_length=12)
    question = models.JSONField()
    expected = models.JSONField()
    digest = models.CharField(max_length=64)
    shape = models.CharField(max_length=64)
    active = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "digest"], name="one_gold_per_question")]
        indexes = [models.Index(fields=["workspace", "shape"], name="gold_by_shape")]

    def __str__(self) -> str:
        return f"gold {self.kind} item {self.pk}"


class Adjudication(models.Model):
    """What a reviewer decided where annotators disagreed: the answer that the run reads in place of theirs.

    `own_answer`: one of theirs was the reviewer's own, as nobody else could decide.
    """

    request = models.OneToOneField(
        "optimization.FeedbackRequest", models.CASCADE, related_name="adjudication"
    )
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="adjudications")
    body = models.JSONField()
    reason = models.TextField(blank=True)
    in_time = models.BooleanField(default=True)
    own_answer = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"decision on {self.request_id}"


class Opinion(models.Model):
    """What a model judge said to a question, in as many samples as were asked for; `sure` is how far they agree, 0..1.

    `body` is the answer that most samples gave. `decided`: nobody was asked, and the run reads the opinion.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="opinions")
    run = models.ForeignKey("optimization.Run", models.CASCADE, related_name="opinions")
    key = models.CharField(max_length=400)
    kind = models.CharField(max_length=12)
    model = models.CharField(max_length=160)
    body = models.JSONField()
    samples = models.PositiveSmallIntegerField()
    sure = models.FloatField()
    decided = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="one_opinion_per_key")]
        indexes = [models.Index(fields=["workspace", "created_at"], name="opinions_by_time")]

    def __str__(self) -> str:
        return f"opinion of {self.model} on {self.key}"
