"""A worker is killed in the middle, or all of Redis is lost; the same run is finished as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db.models import Count
from redis import Redis

from optimization.models import Call, Candidate, Run, RunState, Score, Step, WorkItem
from tests.chaos.stack import ChaosStack, dies
from tests.engine.conftest import RUBRIC
from tests.engine.loop import running, work
from tests.house.waiting import wait_until
from workers.process import Process

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]
BY_MODEL = {"name": "LLMRubricLoss", "args": RUBRIC}


def prompts(run: Run) -> dict[str, str]:
    run.refresh_from_db()
    candidate = Candidate.objects.get(run=run, key=run.trainer_state["candidate"])
    return dict(candidate.versions.values_list("name", "value"))


def finishes(run: Run, stack: ChaosStack, seconds: float = 180) -> None:
    wait_until(lambda: not running(run), seconds)
    assert run.state == RunState.FINISHED, f"{run.reason}\n{stack.read_log()[-4000:]}"


@pytest.mark.parametrize("fault", ["after_lease:2", "after_save:9", "before_step"])
def test_a_killed_worker_costs_nothing_but_time(
    fault: str, launch: Callable[..., Run], process: Process, stack: ChaosStack
) -> None:
    undisturbed = launch(loss=BY_MODEL, iterations=1)
    work(undisturbed, process)
    run = launch(loss=BY_MODEL, iterations=1)
    stack.start_sweeper()

    dies(stack.start_worker(fault))
    stack.start_worker()
    finishes(run, stack)

    assert prompts(run) == prompts(undisturbed)
    assert list(Score.objects.filter(run=run).values_list("position", "mean")) == list(
        Score.objects.filter(run=undisturbed).values_list("position", "mean")
    )
    assert Step.objects.filter(run=run).count() == 1
    assert not WorkItem.objects.filter(run=run).exclude(state="done").exists()
    twice = Call.objects.filter(run=run).values("key").annotate(times=Count("pk")).filter(times__gt=1)
    assert not twice.exists()


def test_losing_all_that_redis_holds_again_and_again_costs_nothing_but_time(
    launch: Callable[..., Run], stack: ChaosStack
) -> None:
    run = launch(loss=BY_MODEL, iterations=1)
    stack.start_worker()
    stack.start_sweeper()

    def over() -> bool:
        Redis.from_url(stack.broker.url).flushall()
        return not running(run)

    wait_until(over, 180)

    assert run.state == RunState.FINISHED, f"{run.reason}\n{stack.read_log()[-4000:]}"
    assert Step.objects.filter(run=run).count() == 1
