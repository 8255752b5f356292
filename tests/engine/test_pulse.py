"""Signs of life in the database, and a process that is told to stop."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from optimization.models import Run, WorkerPulse, WorkItem, WorkState
from optimization.runs.engine.advance import advance
from tests.engine.loop import work
from workers import pulse, stopping
from workers.process import Process
from workers.pulse import Life, pulses
from workers.stopping import under_way
from workers.tasks import forward
from workers.tasks import pulse as pulse_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "current_task", SimpleNamespace(request=SimpleNamespace(hostname="llm@mill")))


def test_a_process_is_seen_with_what_it_does_and_how_long_ago(in_a_worker: None) -> None:
    life = Life("forward of run 7")
    life.renew()
    (seen,) = pulses()
    assert (seen.worker, seen.queue, seen.pid, seen.doing) == (
        "llm@mill",
        "llm",
        os.getpid(),
        "forward of run 7",
    )
    assert 0 <= seen.seconds < 30

    WorkerPulse.objects.update(at=Now() - timedelta(seconds=70))
    assert pulses()[0].seconds > 69
    life.end()
    assert (pulses()[0].doing, pulses()[0].seconds < 30) == ("", True)

    WorkerPulse.objects.update(at=Now() - timedelta(hours=2))
    assert pulses() == []


def test_the_task_notes_that_its_worker_consumes(in_a_worker: None) -> None:
    pulse_task()
    assert [seen.queue for seen in pulses()] == ["llm"]


def test_work_that_ends_before_its_first_heartbeat_leaves_no_trace(in_a_worker: None) -> None:
    Life("forward of run 7").end()
    assert pulses() == []


def test_outside_a_worker_nothing_is_noted() -> None:
    Life("a notebook").renew()
    assert pulses() == []


def test_a_process_that_is_told_to_stop_takes_no_new_work(
    launch: Callable[..., Run],
    annotator: User,
    small_dataset: str,
    process: Process,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = launch(iterations=1, dataset=small_dataset)
    advance(run.pk)
    monkeypatch.setattr(stopping._Told, "to_stop", True)
    forward(run.pk)
    assert not WorkItem.objects.filter(run=run).exclude(state=WorkState.DUE).exists()

    monkeypatch.setattr(stopping._Told, "to_stop", False)
    WorkItem.objects.filter(run=run).update(state=WorkState.LEASED, lease_until=Now() + timedelta(minutes=1))
    assert under_way() == ["1 work item of “Replies”"]
    WorkItem.objects.filter(run=run).update(state=WorkState.DUE, lease_until=None)
    work(run, process)
    assert under_way() == []
