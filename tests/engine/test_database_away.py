"""A database that goes away under work costs time: no example is given up for it, and no error is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models import F

from optimization.models import Run, RunState, WorkItem, WorkState
from optimization.runs.work import bench
from tests.engine.conftest import RUBRIC
from tests.engine.loop import running, work
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)


def test_no_example_is_given_up_for_it(
    launch: Callable[..., Run], small_dataset: str, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    program_at, left = bench.program_at, 8

    def away(*args: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise OperationalError("terminating connection due to administrator command")
        return program_at(*args)

    monkeypatch.setattr(bench, "program_at", away)
    run = launch(dataset=small_dataset, loss={"name": "LLMRubricLoss", "args": RUBRIC}, iterations=1)
    work(run, process)
    while running(run):
        WorkItem.objects.filter(run=run, state=WorkState.DUE).update(due_at=F("created_at"))
        work(run, process)

    assert left < 0
    assert run.state == RunState.FINISHED, run.reason
    assert not WorkItem.objects.filter(run=run).exclude(state=WorkState.DONE).exists()
    assert not WorkItem.objects.filter(run=run, errors__gt=0).exists()
