"""Going back: a person's declaration that a parameter is to have an earlier version again."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from optimization.models.parameters import ParameterVersion, Step
from optimization.models.runs import Run


class Revert(models.Model):
    """`version` is to be the current one of its parameter again. `step` is the declared revision that made it so, null
    until the iteration under way is over."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="reverts")
    version = models.ForeignKey(ParameterVersion, models.PROTECT, related_name="reverts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=400, blank=True)
    step = models.ForeignKey(Step, models.CASCADE, null=True, blank=True, related_name="reverts")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["run", "step"], name="reverts_by_run")]

    def __str__(self) -> str:
        return f"{self.version} again in {self.run_id}"
