"""An endpoint that fails stops the run in words; once it is mended, Retry goes on from what is stored."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db.models import Count, F

from optimization.models import Call, Endpoint, Run, RunState, WorkItem, WorkState
from optimization.rehearsal.endpoint import Options, running
from optimization.runs.services import run_retry
from tests.engine.conftest import RUBRIC
from tests.engine.loop import running as still_running
from tests.engine.loop import work
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]


def point_to(address: str) -> None:
    Endpoint.objects.update(base_url=address, max_retries=0, timeout=1, revision=F("revision") + 1)


def work_through(run: Run, process: Process) -> None:
    """Work until the run stops, without the waits between attempts."""
    work(run, process)
    while still_running(run) and WorkItem.objects.filter(run=run, state=WorkState.DUE).exists():
        WorkItem.objects.filter(run=run, state=WorkState.DUE).update(due_at=F("created_at"))
        work(run, process)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(faults="500@1"), "failed (500)"),
        (Options(faults="429=0@1"), "called too often (429)"),
        (Options(faults="html@1"), "instead of JSON"),
        (Options(faults="hang=5@1"), "did not answer"),
        (Options(key="another"), "refused the API key (401)"),
    ],
    ids=["500", "429", "html", "hang", "key"],
)
def test_what_an_endpoint_does_wrong_is_said_and_retry_goes_on(
    launch: Launch,
    small_dataset: str,
    operator: User,
    process: Process,
    rehearsal_url: str,
    options: Options,
    said: str,
) -> None:
    run = launch(dataset=small_dataset, loss={"name": "LLMRubricLoss", "args": RUBRIC}, iterations=1)
    with running(options) as broken:
        point_to(broken)
        work_through(run, process)
    assert run.state == RunState.NEEDS_ATTENTION
    assert said in run.reason
    assert "press Retry" in run.reason

    point_to(rehearsal_url)
    run_retry(run=run, user=operator)
    work_through(run, process)

    assert run.state == RunState.FINISHED
    twice = Call.objects.filter(run=run).values("key").annotate(times=Count("pk")).filter(times__gt=1)
    assert not twice.exists()
    assert not WorkItem.objects.filter(run=run, state=WorkState.FAILED).exists()
