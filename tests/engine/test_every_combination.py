"""Every loss with every optimizer and every algorithm, launched over REST and played to its end."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from optimization.losses import LOSSES
from optimization.models import Membership, Run, RunState, Workspace
from optimization.optimizers import OPTIMIZERS
from optimization.programs import registry
from optimization.trainers import TRAINERS
from tests.api.conftest import caller_for
from tests.engine.loop import play
from tests.engine.test_every_choice import BY_RUBRIC, CHOICES, judged
from tests.trainers.test_own_algorithm import code_with
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)

ARGUMENTS = {name: (args, plan) for name, args, plan in CHOICES[:10]}
TRAINING = {"batch_size": 2, "eval_frequency": 0}
OF_TRAINERS: dict[str, dict[str, Any]] = {
    "Minibatch": {},
    "MinibatchAlgorithm": {},
    "BasicSearchAlgorithm": {"num_proposals": 2},
    "ParetoSearch": {"max_metric_calls": 12, "merge_frequency": 0},
}


def run_of(team: Workspace, operator: User, **config: Any) -> Any:
    """The answer of REST to a launch."""
    caller = caller_for(Membership.objects.get(workspace=team, user=operator))
    return caller.post("/runs", {"name": "One of each", "config": {"iterations": 1, **config}})


@pytest.mark.parametrize(("trainer", "optimizer", "loss"), list(product(TRAINERS, OPTIMIZERS, LOSSES)))
def test_every_combination_that_fits_is_played_to_its_end_and_the_others_say_why_not(
    team: Workspace,
    operator: User,
    annotator: User,
    small_dataset: str,
    process: Process,
    trainer: str,
    optimizer: str,
    loss: str,
) -> None:
    args, plan = ARGUMENTS[loss]
    answer = run_of(
        team,
        operator,
        program="support_reply",
        dataset=small_dataset,
        loss={"name": loss, "args": args},
        judge=BY_RUBRIC,
        optimizer={"name": optimizer},
        trainer={"name": trainer, "args": {**TRAINING, **OF_TRAINERS[trainer], **plan}},
    )
    if "train" in _decides(trainer) and not _scores_alone(loss):
        assert answer.status_code == 422
        (problem,) = answer.json()["errors"]
        assert problem["pointer"] == "#/config/loss"
        assert re.search("[Uu]se a loss|or use a loss", problem["detail"])
        assert not Run.objects.exists()
        return
    assert answer.status_code == 202, answer.content
    run = Run.objects.get()
    play(run, annotator, judged, process)
    assert run.state == RunState.FINISHED, run.reason
    assert run.iteration == 1
    assert run.candidates.count() > 1


def _decides(trainer: str) -> frozenset[str]:
    made = TRAINERS[trainer]()
    made.prepare({"train": 2, "test": 1})
    return made.decides_by


def _scores_alone(loss: str) -> bool:
    return not ("Preference" in loss or "Ranking" in loss or "Feedback" in loss)


@pytest.fixture
def two_tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The algorithm of docs/algorithms.md, installed as a plug-in's module that registers it when it is loaded."""
    code = code_with("from optimization.trainers.batches import") + code_with("class ")
    (tmp_path / "two_tries.py").write_text(f'{code}\nTRAINERS["TwoTries"] = TwoTries\n')
    monkeypatch.syspath_prepend(tmp_path)
    point = SimpleNamespace(load=lambda: importlib.import_module("two_tries"))
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [point] if group == "handgrad.programs" else []
    )
    registry._load_plugins.cache_clear()
    apps.get_app_config("optimization").ready()
    yield "TwoTries"
    TRAINERS.pop("TwoTries")
    sys.modules.pop("two_tries")
    registry._load_plugins.cache_clear()


def test_an_algorithm_of_ones_own_is_there_when_a_process_starts_and_runs_durably(
    team: Workspace, operator: User, annotator: User, small_dataset: str, process: Process, two_tries: str
) -> None:
    answer = run_of(
        team,
        operator,
        program="support_reply",
        dataset=small_dataset,
        loss=BY_RUBRIC,
        trainer={"name": two_tries, "args": {"batch_size": 2}},
    )
    assert answer.status_code == 202, answer.content
    run = play(Run.objects.get(), annotator, judged, process)
    assert (run.state, run.iteration) == (RunState.FINISHED, 1)
    assert run.candidates.count() == 3
