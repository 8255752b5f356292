"""Rows of a run, made as the engine makes them, for tests that look at one part of it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models.functions import Now

from optimization.models import (
    Dataset,
    DatasetVersion,
    Effect,
    Example,
    Program,
    ProgramVersion,
    Run,
    WorkItem,
    Workspace,
)


def make_run(**changes: object) -> Run:
    """A running run of an empty JSON program over one example a split."""
    workspace, _ = Workspace.objects.get_or_create(slug="team", defaults={"name": "Team"})
    user, _ = User.objects.get_or_create(username="operator")
    program, _ = Program.objects.get_or_create(workspace=workspace, name="echo", defaults={"title": "Echo"})
    version, _ = ProgramVersion.objects.get_or_create(
        program=program, number=1, defaults={"spec": {}, "digest": "p"}
    )
    dataset, _ = Dataset.objects.get_or_create(workspace=workspace, name="rows", defaults={"title": "Rows"})
    rows, made = DatasetVersion.objects.get_or_create(
        dataset=dataset, number=1, defaults={"digest": "d", "sizes": {"train": 1, "test": 1}}
    )
    if made:
        Example.objects.create(version=rows, split="train", position=0, inputs={"text": "a"})
        Example.objects.create(version=rows, split="test", position=0, inputs={"text": "b"})
    return Run.objects.create(
        workspace=workspace,
        name="A run",
        program_version=version,
        dataset_version=rows,
        config={},
        state_since=Now(),
        created_by=user,
        **changes,
    )


def make_effect(run: Run, kind: str = "forward", ordinal: int = 0) -> Effect:
    return Effect.objects.create(run=run, iteration=run.iteration, ordinal=ordinal, kind=kind, digest="x")


def make_item(effect: Effect, index: int = 0, **changes: object) -> WorkItem:
    item = WorkItem.objects.create(
        run=effect.run,
        effect=effect,
        index=index,
        queue="llm",
        kind=effect.kind,
        payload={"split": "train", "example": index, "candidate": "initial", "sample": 0},
        due_at=Now(),
        **changes,
    )
    item.refresh_from_db()
    return item
