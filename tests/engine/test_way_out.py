"""What stops a run says so and keeps its state: once the cause is mended the run goes on from what is stored."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Sum

from optimization.models import Call, Endpoint, Run, RunState, Step, WorkItem, WorkState
from optimization.rehearsal.endpoint import Options, running
from optimization.runs.services import run_retry, run_set_budget
from tests.engine.conftest import RUBRIC
from tests.engine.test_endpoint_faults import point_to, work_through
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]
JUDGED: dict[str, Any] = {"loss": {"name": "LLMRubricLoss", "args": RUBRIC}, "iterations": 1}


def test_a_run_whose_budget_is_spent_goes_on_when_it_is_raised(
    launch: Launch, small_dataset: str, operator: User, process: Process
) -> None:
    Endpoint.objects.update(max_tokens=400)
    run = launch(dataset=small_dataset, budget="0.004", **JUDGED)
    work_through(run, process)
    assert run.state == RunState.NEEDS_ATTENTION
    assert "Raise the budget" in run.reason
    made = set(Call.objects.filter(run=run).values_list("key", flat=True))
    assert made
    assert Call.objects.filter(run=run).aggregate(spent=Sum("cost"))["spent"] <= Decimal("0.004")

    run_set_budget(run=run, user=operator, budget=Decimal("1"))
    run_retry(run=run, user=operator)
    work_through(run, process)
    assert run.state == RunState.FINISHED
    keys = list(Call.objects.filter(run=run).values_list("key", flat=True))
    assert made < set(keys)
    assert len(keys) == len(set(keys))


def test_a_run_whose_every_reply_is_garbage_stops_in_words_and_goes_on_when_mended(
    launch: Launch, small_dataset: str, operator: User, process: Process, rehearsal_url: str
) -> None:
    run = launch(
        dataset=small_dataset,
        trainer={"name": "MinibatchAlgorithm", "args": {"eval_frequency": 0, "batch_size": 2}},
        **JUDGED,
    )
    with running(Options(faults="garbage@1")) as broken:
        point_to(broken)
        work_through(run, process)
    assert run.state == RunState.NEEDS_ATTENTION
    assert "All 2 outputs failed" in run.reason
    assert "Certainly! Here you go: {" in run.reason
    assert "press Retry" in run.reason
    assert not Step.objects.filter(run=run).exists()

    point_to(rehearsal_url)
    run_retry(run=run, user=operator)
    work_through(run, process)
    assert run.state == RunState.FINISHED
    assert not WorkItem.objects.filter(run=run, state=WorkState.FAILED).exists()
