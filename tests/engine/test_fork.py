"""A fork begins where its parent stood, shares its past, and changes nothing of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from optimization.models import Candidate, ParameterVersion, Run, RunState
from optimization.runs.curve import run_curve
from optimization.runs.services import LaunchError, run_fork
from tests.engine.conftest import RUBRIC
from tests.engine.loop import work
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)
BY_MODEL = {"name": "LLMRubricLoss", "args": RUBRIC}


def prompts(run: Run) -> dict[str, str]:
    run.refresh_from_db()
    current = Candidate.objects.get(run=run, key=run.trainer_state["candidate"])
    return dict(current.versions.values_list("name", "value"))


@pytest.fixture
def parent(launch: Callable[..., Run], small_dataset: str, process: Process) -> Run:
    trainer = {"name": "MinibatchAlgorithm", "args": {"batch_size": 1}}
    run = launch(loss=BY_MODEL, iterations=2, dataset=small_dataset, trainer=trainer)
    work(run, process)
    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    return run


def test_the_same_steps_from_the_same_state_come_to_the_same_prompts(
    parent: Run, operator: User, process: Process
) -> None:
    fork = run_fork(run=parent, user=operator, iteration=1)
    work(fork, process)

    fork.refresh_from_db()
    assert (fork.state, fork.iteration, fork.parent_id) == (RunState.FINISHED, 2, parent.pk)
    assert prompts(fork) == prompts(parent)


def test_its_curve_begins_at_the_point_where_its_parent_stood(parent: Run, operator: User) -> None:
    began = parent.scores.get(position=1, split="test")
    fork = run_fork(run=parent, user=operator, iteration=1)
    first = run_curve(fork).first
    assert first is not None
    assert (first.position, first.mean) == (1, began.mean)
    assert run_curve(run_fork(run=parent, user=operator, iteration=0)).first is None


def test_it_shares_the_versions_of_its_past_and_alters_nothing_of_its_parent(
    parent: Run, operator: User, process: Process
) -> None:
    before = list(ParameterVersion.objects.filter(run=parent).order_by("pk").values())
    fork = run_fork(run=parent, user=operator, iteration=2, iterations=3)

    assert not ParameterVersion.objects.filter(run=fork).exists()
    work(fork, process)

    assert list(ParameterVersion.objects.filter(run=parent).order_by("pk").values()) == before
    numbers = ParameterVersion.objects.filter(run=fork).values_list("number", "parent__number")
    assert all(number == parent_number + 1 for number, parent_number in numbers)


def test_an_iteration_that_has_not_been_cannot_be_forked_from(parent: Run, operator: User) -> None:
    with pytest.raises(LaunchError, match="has no iteration 8 to begin from"):
        run_fork(run=parent, user=operator, iteration=7)
