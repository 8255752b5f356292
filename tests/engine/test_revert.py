"""Going back to an earlier version: a step of its own, at once or when the iteration is over, and nothing altered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from optimization.models import Candidate, Iteration, ParameterVersion, Run, RunState, Step
from optimization.runs.changes import parameter_changes
from optimization.runs.replays import run_replay
from optimization.runs.reverts import reverts_waiting
from optimization.runs.selectors import current_parameters
from optimization.runs.services import Conflict, parameter_revert, run_fork
from tests.engine.conftest import RUBRIC
from tests.engine.loop import answer_all, work
from tests.engine.test_loop import strict
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]
BY_MODEL = {"name": "LLMRubricLoss", "args": RUBRIC}
ONE = {"name": "MinibatchAlgorithm", "args": {"batch_size": 1}}


def first_of(run: Run) -> ParameterVersion:
    return ParameterVersion.objects.get(run=run, name="draft.system_prompt", number=1)


def standing(run: Run) -> dict[str, int]:
    run.refresh_from_db()
    return {version.name: version.number for version in current_parameters(run)}


def test_of_a_run_under_way_waits_for_the_iteration_and_the_run_goes_on_from_it(
    launch: Launch, annotator: User, operator: User, small_dataset: str, process: Process
) -> None:
    run = launch(iterations=3, dataset=small_dataset, trainer=ONE)
    work(run, process)
    answer_all(run, annotator, strict)
    work(run, process)
    assert standing(run)["draft.system_prompt"] == 2
    past = list(Step.objects.filter(run=run).values())

    revert = parameter_revert(run=run, user=operator, version=first_of(run), reason="It was kinder.")

    assert revert.step is None
    assert reverts_waiting(run) == [
        "draft.system_prompt goes back to version 1 when iteration 2 is over, by olga."
    ]
    assert standing(run)["draft.system_prompt"] == 2
    answer_all(run, annotator, strict)
    work(run, process)
    revert.refresh_from_db()
    assert revert.step is not None
    assert (revert.step.iteration, revert.step.revision) == (1, 1)
    assert standing(run)["draft.system_prompt"] == 1
    assert "draft.system_prompt back at version 1, by olga" in Iteration.objects.get(run=run, number=1).note
    changes = parameter_changes(run, 1).changes
    assert [(change.put_back, change.after) for change in changes][-1] == ("olga", first_of(run).value)

    answer_all(run, annotator, strict)
    work(run, process)
    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    newest = ParameterVersion.objects.filter(run=run, name="draft.system_prompt").latest("number")
    assert newest.parent == first_of(run)
    assert [row for row in Step.objects.filter(run=run).values() if row in past] == past
    found = run_replay(run)
    assert found.equal, found.words
    assert "After iteration 2 a person declared a revision" in found.words


def test_of_a_finished_run_is_in_force_at_once_and_forks_begin_with_it(
    launch: Launch, operator: User, small_dataset: str, process: Process
) -> None:
    run = launch(loss=BY_MODEL, iterations=1, dataset=small_dataset, trainer=ONE)
    work(run, process)
    assert standing(run)["draft.system_prompt"] == 2

    revert = parameter_revert(run=run, user=operator, version=first_of(run))

    assert revert.step is not None
    assert standing(run) == {"draft.system_prompt": 1, "refine.system_prompt": 2}
    with pytest.raises(Conflict, match=r"Version 1 of draft\.system_prompt is the one in use"):
        parameter_revert(run=run, user=operator, version=first_of(run))
    fork = run_fork(run=run, user=operator, iteration=1, iterations=2)
    begun = Candidate.objects.get(run=fork, key=fork.trainer_state["candidate"])
    assert begun.versions.get(name="draft.system_prompt") == first_of(run)


def test_the_last_word_counts_and_the_present_version_takes_a_wish_back(
    launch: Launch, annotator: User, operator: User, small_dataset: str, process: Process
) -> None:
    run = launch(iterations=2, dataset=small_dataset, trainer=ONE)
    work(run, process)
    answer_all(run, annotator, strict)
    work(run, process)
    parameter_revert(run=run, user=operator, version=first_of(run))
    present = ParameterVersion.objects.get(run=run, name="draft.system_prompt", number=2)

    parameter_revert(run=run, user=operator, version=present)

    assert run.reverts.count() == 1
    answer_all(run, annotator, lambda question: {"kind": "rubric", "score": 5, "improvements": ["-"]})
    work(run, process)
    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason


def test_a_search_that_keeps_a_pool_says_what_to_do_instead(
    launch: Launch, operator: User, small_dataset: str
) -> None:
    run = launch(loss=BY_MODEL, dataset=small_dataset, trainer={"name": "ParetoSearch", "args": {}})
    version = ParameterVersion.objects.create(
        run=run, name="draft.system_prompt", number=9, value="x", origin="person"
    )
    with pytest.raises(Conflict, match="Fork the run from the iteration"):
        parameter_revert(run=run, user=operator, version=version)
