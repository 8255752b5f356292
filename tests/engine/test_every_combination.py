"""Every loss with every optimizer and every algorithm: launched over REST, and pair by pair played to its end."""

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


COMBINATIONS = list(product(TRAINERS, OPTIMIZERS, LOSSES))
# Each algorithm with each loss, and each of these with each optimizer: every pair is played, every triple launched.
PAIRWISE = [
    (trainer, list(OPTIMIZERS)[(row + column) % len(OPTIMIZERS)], loss)
    for row, trainer in enumerate(TRAINERS)
    for column, loss in enumerate(LOSSES)
]


def run_of(team: Workspace, operator: User, **config: Any) -> Any:
    """The answer of REST to a launch."""
    caller = caller_for(Membership.objects.get(workspace=team, user=operator))
    return caller.post("/runs", {"name": "One of each", "config": {"iterations": 1, **config}})


def one_of_each(dataset: str, trainer: str, optimizer: str, loss: str) -> dict[str, Any]:
    args, plan = ARGUMENTS[loss]
    return {
        "program": "support_reply",
        "dataset": dataset,
        "loss": {"name": loss, "args": args},
        "judge": BY_RUBRIC,
        "optimizer": {"name": optimizer},
        "trainer": {"name": trainer, "args": {**TRAINING, **OF_TRAINERS[trainer], **plan}},
    }


def fits(trainer: str, loss: str) -> bool:
    """An algorithm that decides by the scores of the batch needs a loss that scores each output by itself."""
    made = TRAINERS[trainer]()
    made.prepare({"train": 2, "test": 1})
    return "train" not in made.decides_by or not re.search("Preference|Ranking|Feedback", loss)


def test_every_combination_is_launched_or_refused_with_the_way_out(
    team: Workspace, operator: User, small_dataset: str
) -> None:
    for trainer, optimizer, loss in COMBINATIONS:
        answer = run_of(team, operator, **one_of_each(small_dataset, trainer, optimizer, loss))
        if fits(trainer, loss):
            assert answer.status_code == 202, (trainer, optimizer, loss, answer.content)
            continue
        assert answer.status_code == 422
        (problem,) = answer.json()["errors"]
        assert problem["pointer"] == "#/config/loss"
        assert re.search("[Uu]se a loss", problem["detail"])
    assert Run.objects.count() == sum(fits(trainer, loss) for trainer, _, loss in COMBINATIONS)


@pytest.mark.parametrize(
    ("trainer", "optimizer", "loss"), [each for each in PAIRWISE if fits(each[0], each[2])]
)
def test_it_is_played_to_its_end(
    team: Workspace,
    operator: User,
    annotator: User,
    small_dataset: str,
    process: Process,
    trainer: str,
    optimizer: str,
    loss: str,
) -> None:
    answer = run_of(team, operator, **one_of_each(small_dataset, trainer, optimizer, loss))
    assert answer.status_code == 202, answer.content
    run = play(Run.objects.get(), annotator, judged, process)
    assert run.state == RunState.FINISHED, run.reason
    assert run.iteration == 1
    assert run.candidates.count() > 1


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
