"""Datasets, their immutable versions and examples."""

from __future__ import annotations

from django.db import models

from optimization.models.workspaces import Workspace


class Dataset(models.Model):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="datasets")
    name = models.SlugField(max_length=80)
    title = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_dataset_per_name")]

    def __str__(self) -> str:
        return self.title


class DatasetVersion(models.Model):
    """One import, whole: what a run pins. `sizes` counts the examples of each split."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    sizes = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="one_dataset_version_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name} v{self.number}"


class ExampleSplit(models.TextChoices):
    TRAIN = "train"
    VALIDATE = "validate"
    TEST = "test"


class Example(models.Model):
    """One row: the program's inputs by name, an optional target for the judge; `position` counts within its split."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="examples")
    split = models.CharField(max_length=8, choices=ExampleSplit.choices)
    position = models.PositiveIntegerField()
    inputs = models.JSONField()
    target = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "split", "position"], name="one_example_per_position"),
        ]

    def __str__(self) -> str:
        return f"{self.split} {self.position}"
