"""Programs and their immutable versions."""

from __future__ import annotations

from django.db import models

from optimization.models.workspaces import Workspace


class Program(models.Model):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="programs")
    name = models.SlugField(max_length=80)
    title = models.CharField(max_length=160)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_program_per_name")]

    def __str__(self) -> str:
        return self.title


class ProgramVersion(models.Model):
    """What a run pins. `spec` is a JSON program, or {"registered": name} with `digest` over code and parameters."""

    program = models.ForeignKey(Program, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["program", "number"], name="one_program_version_per_number"),
            models.UniqueConstraint(fields=["program", "digest"], name="one_program_version_per_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.program.name} v{self.number}"
