"""Messages must not breed: one that finds nothing to do asks for nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from celery import Task
from django.db.models.functions import Now

from optimization.models import WorkState
from tests.engine.rows import make_effect, make_item, make_run
from workers import tasks
from workers.nudges import nudge_work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def send(task: Task[[int], None], run_id: int) -> None:
        names.append(task.name.rpartition(".")[2])

    monkeypatch.setattr("workers.nudges._send", send)
    return names


@pytest.mark.parametrize("state", [WorkState.LEASED, WorkState.WAITING, WorkState.DONE])
def test_a_nudge_that_finds_nothing_due_asks_nobody_for_more(sent: list[str], state: str) -> None:
    run = make_run()
    make_item(make_effect(run), state=state, lease_until=Now())

    for task in (tasks.forward, tasks.backward, tasks.step):
        task.run(run.pk)

    assert sent == []


def test_due_work_is_asked_for_in_shards(sent: list[str]) -> None:
    run = make_run()
    effect = make_effect(run)
    for index in range(40):
        make_item(effect, index)

    nudge_work(run.pk)

    assert sent == ["forward", "forward"]


def test_a_web_process_nudges_for_the_answers_that_it_commits() -> None:
    said = (
        "import project.asgi; from optimization.feedback.signals import item_due; "
        "from optimization.runs.signals import run_due; print(item_due.has_listeners(), run_due.has_listeners())"
    )
    asked = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)

    assert asked.stdout.split() == ["True", "True"]
