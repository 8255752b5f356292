"""Reads: the programs and datasets of a workspace with their versions."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from optimization.models import Dataset, DatasetVersion, Program, ProgramVersion, Workspace


def programs_of(workspace: Workspace) -> QuerySet[Program]:
    """Programs by title, each with its `versions`, the newest first."""
    return workspace.programs.order_by("title", "pk").prefetch_related(
        Prefetch("versions", ProgramVersion.objects.order_by("-number"))
    )


def datasets_of(workspace: Workspace) -> QuerySet[Dataset]:
    """Datasets by title, each with its `versions`, the newest first."""
    return workspace.datasets.order_by("title", "pk").prefetch_related(
        Prefetch("versions", DatasetVersion.objects.order_by("-number"))
    )


def program_version_latest(program: Program) -> ProgramVersion:
    return program.versions.order_by("-number")[0]


def dataset_version_latest(dataset: Dataset) -> DatasetVersion:
    return dataset.versions.order_by("-number")[0]
