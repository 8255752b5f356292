"""A run with a model judge as a colleague of its people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from optimization.models import Opinion, RequestState, Run
from tests.engine.loop import work
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("audit", "decided"), [(1e-9, True), (1.0, False)])
def test_what_the_judge_is_sure_of_needs_nobody_but_for_the_share_that_people_check(
    launch: Callable[..., Run], small_dataset: str, process: Process, audit: float, decided: bool
) -> None:
    trainer: dict[str, Any] = {"name": "MinibatchAlgorithm", "args": {"batch_size": 2, "eval_frequency": 0}}
    people = {"colleague": {"samples": 1, "sure": 1.0, "audit": audit}}
    run = launch(dataset=small_dataset, iterations=1, trainer=trainer, people=people)
    work(run, process)
    opinions = Opinion.objects.filter(run=run)
    assert {one.decided for one in opinions} == {decided}
    open_ones = run.feedback_requests.filter(state=RequestState.OPEN)
    if decided:
        assert not open_ones.exists()
        run.refresh_from_db()
        assert run.state == "finished"
    else:
        assert {one.key for one in open_ones} == {one.key for one in opinions}
