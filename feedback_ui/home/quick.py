"""From a prompt and a file to a run: a program of one call, the data, and a launch with the defaults. All or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from feedback_ui.launch import defaults
from optimization.catalog.datasets import dataset_import
from optimization.catalog.programs import program_import
from optimization.catalog.selectors import dataset_version_latest
from optimization.models import Dataset, DatasetVersion, Membership, Run, Workspace
from optimization.runs.config import RunConfig
from optimization.runs.services import run_launch

NAME_WORDS = 6


@transaction.atomic
def quick_launch(
    *,
    workspace: Workspace,
    user: User,
    prompt: str,
    criteria: str,
    lines: Iterable[bytes] | None = None,
    dataset: str = "",
) -> Run:
    """Raises DatasetRefused, ProgramRefused or LaunchError, and then nothing of it is kept."""
    title = _title(prompt)
    if lines is not None:
        data = dataset_import(workspace=workspace, name=title, lines=lines)
    else:
        data = dataset_version_latest(Dataset.objects.get(workspace=workspace, name=dataset))
    program = program_import(workspace=workspace, name=title, spec=one_call(prompt, _fields(data)))
    config = RunConfig.model_validate(
        {
            "program": program.program.name,
            "dataset": data.dataset.name,
            "trainer": {
                "name": "MinibatchAlgorithm",
                "args": {"num_epochs": None, "batch_size": defaults.BATCH_SIZE},
            },
            "loss": {"name": "HumanRubricLoss", "args": _rubric(criteria)},
            "people": {
                "per_iteration": defaults.PEOPLE_PER_ITERATION if _has_colleagues(workspace) else None,
                "rehearsal": _has_colleagues(workspace),
            },
            "iterations": defaults.ITERATIONS,
        }
    )
    return run_launch(workspace=workspace, user=user, config=config, name=title)


def one_call(prompt: str, fields: list[str]) -> dict[str, Any]:
    """A program that gives the model a row's fields, with the prompt as the instructions that are learned."""
    given = f"{{{fields[0]}}}" if len(fields) == 1 else "\n\n".join(f"{name}:\n{{{name}}}" for name in fields)
    instructions = {"value": prompt, "description": "The instructions by which an output is written."}
    return {
        "inputs": fields,
        "nodes": [{"id": "answer", "alias": "default", "prompt": given, "parameter": instructions}],
        "output": "answer",
    }


def _rubric(criteria: str) -> dict[str, Any]:
    return {"criteria": criteria, "rubric": defaults.LEVELS, "require_feedback": defaults.REMARKS_UP_TO}


def _fields(data: DatasetVersion) -> list[str]:
    return list(data.examples.order_by("pk")[0].inputs)


def _title(prompt: str) -> str:
    """The prompt's first words."""
    words = prompt.split()
    return " ".join(words[:NAME_WORDS]).rstrip(".,;:")[:70] or "Prompt"


def _has_colleagues(workspace: Workspace) -> bool:
    return Membership.objects.filter(workspace=workspace, is_rehearsal=True).exists()
