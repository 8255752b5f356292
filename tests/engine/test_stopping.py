"""A run ends before its iterations are over where its launch said so, and says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from optimization.models import Iteration, Membership, Run, RunState, Score, Workspace
from optimization.runs.config import Stop
from optimization.runs.engine.stopping import stopped
from optimization.trainers.effects import TrainerState
from tests.engine.conftest import RUBRIC
from tests.engine.loop import work
from tests.factories import make_run
from workers.process import Process


def after(run: Run, trained: list[float], tested: list[float]) -> str | None:
    """What a run says after iterations of ten minutes with these scores."""
    begun = timezone.now() - timedelta(hours=3)
    for number, score in enumerate(trained):
        starts = begun + timedelta(minutes=10 * number)
        ends = starts + timedelta(minutes=10)
        Iteration.objects.create(
            run=run, number=number, started_at=starts, finished_at=ends, train_score=score
        )
    for position, mean in enumerate(tested, 1):
        Score.objects.create(
            run=run, position=position, split="test", candidate="initial", mean=mean, stderr=0, count=8
        )
    return stopped(run, TrainerState())


@pytest.mark.django_db
def test_what_a_forks_parent_had_reached_ends_no_fork(
    workspace: Workspace, members: dict[str, Membership]
) -> None:
    run = make_run(workspace, members["operator"].user, forked_at=2)
    run.config["stop"] = {"target_score": 0.9, "patience": 1}
    assert after(run, [0.1], [0.2, 0.95, 0.8]) is None
    Score.objects.filter(run=run, position=3).delete()
    assert stopped(run, TrainerState()) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("stop", "trained", "tested", "said"),
    [
        ({}, [1.0], [1.0], None),
        ({"target_score": 0.9}, [1.0, 1.0], [0.5, 0.8], None),
        ({"target_score": 0.9}, [0.1, 0.1], [0.5, 0.9], "The score 0.900 has reached the target 0.9."),
        ({"target_score": 0.9}, [0.5, 0.95], [], "The score 0.950 has reached the target 0.9."),
        ({"patience": 2}, [0.1] * 3, [0.5, 0.6, 0.6], None),
        ({"patience": 2}, [0.1] * 4, [0.5, 0.6, 0.6, 0.55], "No improvement on 0.600 in the last 2 scores."),
        ({"hours": 0.5}, [0.1] * 2, [], None),
        ({"hours": 0.5}, [0.1] * 3, [], "The time limit of 0:30:00 is over."),
        (
            {"target_score": 0.9, "patience": 1},
            [0.1] * 2,
            [0.5, 0.5],
            "No improvement on 0.500 in the last score.",
        ),
    ],
)
def test_a_stopper_ends_the_run_in_words(
    workspace: Workspace,
    members: dict[str, Membership],
    stop: dict[str, Any],
    trained: list[float],
    tested: list[float],
    said: str | None,
) -> None:
    run = make_run(workspace, members["operator"].user, config={"stop": stop})
    assert after(run, trained, tested) == said


@pytest.mark.parametrize("wrong", [{"target_score": 1.5}, {"patience": 0}, {"hours": 0}, {"score": 1}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Stop.model_validate(wrong)


@pytest.mark.django_db(transaction=True)
def test_the_engine_asks_at_the_end_of_each_iteration(
    launch: Callable[..., Run], small_dataset: str, process: Process
) -> None:
    run = launch(
        dataset=small_dataset,
        loss={"name": "LLMRubricLoss", "args": RUBRIC},
        iterations=3,
        stop={"target_score": 0.0},
    )
    work(run, process)
    run.refresh_from_db()
    assert (run.state, run.iteration) == (RunState.FINISHED, 1)
    assert "has reached the target 0" in run.reason
