"""A workspace whose default endpoint is a rehearsal endpoint over real HTTP, and a run of the shipped program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.accounts.services import member_add, workspace_create
from optimization.catalog.datasets import dataset_import
from optimization.catalog.shipped import shipped_datasets_register, shipped_programs_register
from optimization.models import Endpoint, Role, Run, Workspace
from optimization.rehearsal.endpoint import running
from optimization.runs.config import RunConfig
from optimization.runs.services import run_launch
from tests.engine.loop import close
from tests.workspaces import members, workspace
from workers.process import Process

__all__ = ["members", "workspace"]

RUBRIC = {
    "criteria": "Does the reply solve the customer's problem?",
    "rubric": [
        {"score": 1, "label": "No", "description": "Ignores the problem"},
        {"score": 2, "label": "Barely", "description": "Names the problem"},
        {"score": 3, "label": "Partly", "description": "A step in the right direction"},
        {"score": 4, "label": "Mostly", "description": "A detail is missing"},
        {"score": 5, "label": "Fully", "description": "Solved"},
    ],
}


@pytest.fixture(scope="session")
def rehearsal_url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def team(transactional_db: None, rehearsal_url: str) -> Workspace:
    """A workspace with the shipped program and tickets."""
    workspace = workspace_create(name="Support team")
    Endpoint.objects.create(
        workspace=workspace,
        name="default",
        base_url=rehearsal_url,
        model="rehearsal",
        is_rehearsal=True,
        input_cost_per_1m=1,
        output_cost_per_1m=2,
    )
    shipped_programs_register(workspace=workspace)
    shipped_datasets_register(workspace=workspace)
    return workspace


@pytest.fixture
def operator(team: Workspace) -> User:
    return member_add(workspace=team, username="olga", role=Role.OPERATOR)[0].user


@pytest.fixture
def annotator(team: Workspace) -> User:
    return member_add(workspace=team, username="ines", role=Role.ANNOTATOR)[0].user


@pytest.fixture
def process() -> Iterator[Process]:
    """What a worker process makes once, made for one test."""
    made = Process()
    yield made
    close(made)


@pytest.fixture
def launch(team: Workspace, operator: User) -> Callable[..., Run]:
    """Launch the shipped program with a small batch; keyword arguments change the config."""

    def launched(**changes: Any) -> Run:
        config = {
            "program": "support_reply",
            "dataset": "support-tickets",
            "trainer": {"name": "MinibatchAlgorithm", "args": {"batch_size": 3}},
            "loss": {"name": "HumanRubricLoss", "args": RUBRIC},
            "iterations": 3,
        }
        return run_launch(
            workspace=team,
            user=operator,
            config=RunConfig.model_validate({**config, **changes}),
            name="Replies",
        )

    return launched


@pytest.fixture
def small_dataset(team: Workspace) -> str:
    """Two rows to train on and one held out, for what needs no variety."""
    rows = [
        {
            "inputs": {"ticket": f"Where is order {n}?", "customer": "Ada", "facts": f"Order: HB-{n}"},
            "split": split,
        }
        for n, split in enumerate(["train", "train", "test"])
    ]
    lines = "\n".join(json.dumps(row) for row in rows)
    dataset_import(workspace=team, name="small", title="Small", lines=lines.encode().splitlines())
    return "small"
