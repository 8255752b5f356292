"""The programs and datasets that come with Handgrad, taken into a workspace."""

from __future__ import annotations

from optimization.catalog.datasets import dataset_import
from optimization.catalog.programs import program_register
from optimization.models import DatasetVersion, ProgramVersion, Workspace
from optimization.policy.example import TICKETS
from optimization.programs import registered_programs
from optimization.rehearsal import DATA

DATASETS = {
    "support-tickets": ("Support tickets", DATA / "tickets.jsonl"),
    "product-notes": ("Product notes", DATA / "product_notes.jsonl"),
    "ticket-teams": ("Tickets by team", TICKETS),
}


def shipped_programs_register(*, workspace: Workspace) -> list[ProgramVersion]:
    """Every program that installed code registers; nothing new where none has changed."""
    return [program_register(workspace=workspace, name=name) for name in sorted(registered_programs())]


def shipped_datasets_register(*, workspace: Workspace) -> list[DatasetVersion]:
    """The tickets and the notes that we wrote; nothing new where none has changed."""
    versions = []
    for name, (title, path) in DATASETS.items():
        with path.open("rb") as lines:
            versions.append(dataset_import(workspace=workspace, name=name, title=title, lines=lines))
    return versions
