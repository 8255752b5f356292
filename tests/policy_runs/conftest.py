"""A workspace with a small dataset, a tiny policy on disk, and its runs carried out in this process but for the jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from optimization.catalog.datasets import dataset_import
from optimization.models import Run, WorkItem, Workspace, WorkState
from optimization.policy.models import save_model
from optimization.policy.tokenisation import ByteTokenizer
from optimization.runs.engine.advance import advance
from optimization.runs.policy.config import PolicyRunConfig
from optimization.runs.services import policy_launch
from tests.engine.conftest import annotator, operator, process, rehearsal_url, team
from tests.engine.loop import running
from tests.policy.builders import tiny
from workers.drive import IN_FLIGHT, drive
from workers.process import Process

__all__ = ["annotator", "operator", "process", "rehearsal_url", "team"]

# About half of all letters: a reward that varies within a group from the start.
EVEN = {"name": "VerifierLoss", "args": {"verifier": {"name": "regex", "pattern": "[aeiou0-9]"}}}
ARGUMENTS: dict[str, Any] = {
    "prompts_per_step": 3,
    "group_size": 4,
    "learning_rate": 1e-3,
    "sampling": {"max_tokens": 5},
    "eval_temperature": 1.0,
}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("bases") / "tiny"
    save_model(folder, tiny(), ByteTokenizer())
    return str(folder)


@pytest.fixture(autouse=True)
def policy_folder(tmp_path: Path, settings: Settings) -> Path:
    settings.POLICY_DIR = tmp_path / "policies"
    return settings.POLICY_DIR


@pytest.fixture
def letters(team: Workspace) -> str:
    """Six rows to learn from and two held out."""
    rows = [
        {"inputs": {"text": f"{n} is"}, "target": str(n), "split": "train" if n < 6 else "test"}
        for n in range(8)
    ]
    lines = "\n".join(json.dumps(row) for row in rows)
    dataset_import(workspace=team, name="letters", title="Letters", lines=lines.encode().splitlines())
    return "letters"


@pytest.fixture
def config(base: str, letters: str) -> Callable[..., dict[str, Any]]:
    """A launch; keyword arguments change it, `args` those of the trainer."""

    def made(args: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        component = {"name": "vowels", "dataset": letters, "prompt": "{text} ", "reward": EVEN}
        return {
            "kind": "policy",
            "base": base,
            "components": [component],
            "trainer": {"name": "GRPOTrainer", "args": {**ARGUMENTS, **(args or {})}},
            "compute": {"device": "cpu", "threads": 1},
            "iterations": 2,
            **changes,
        }

    return made


@pytest.fixture
def launch(team: Workspace, operator: User, config: Callable[..., dict[str, Any]]) -> Callable[..., Run]:
    def launched(**changes: Any) -> Run:
        checked = PolicyRunConfig.model_validate(config(**changes))
        return policy_launch(workspace=team, user=operator, config=checked, name="Letters")

    return launched


@pytest.fixture
def play(process: Process) -> Callable[[Run], Run]:
    """Carries a run on until it ends, needs attention or waits for people."""

    def played(run: Run) -> Run:
        advance(run.pk)
        while WorkItem.objects.filter(run=run, state=WorkState.DUE).exists() and running(run):
            process.runner.run(drive(run.pk, ("rollout", "train"), process, 1))
            process.runner.run(drive(run.pk, ("reward",), process, IN_FLIGHT))
            advance(run.pk)
        run.refresh_from_db()
        return run

    return played
