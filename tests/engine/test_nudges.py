"""Messages must not breed: one that finds nothing to do asks for nothing. A broker that is away holds up nobody."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from celery import Task
from django.db.models.functions import Now

from optimization.models import WorkState
from tests.engine.rows import make_effect, make_item, make_run
from tests.house.test_settings import manage
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


SEND_TWENTY = """
import time
from workers.nudges import nudge_run
began = time.monotonic()
for run in range(20): nudge_run(run)
print(time.monotonic() - began)
"""


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
@pytest.mark.parametrize("broker", ["away", "silent"])
def test_a_broker_that_does_not_answer_costs_the_sender_a_moment_and_no_more(
    scheme: str, broker: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        if broker == "away":
            server.close()
            port = 1
        else:
            port = server.getsockname()[1]
        url = f"{scheme}://guest:guest@127.0.0.1:{port}/"
        sent = manage("shell", "-v", "0", "-c", SEND_TWENTY, data=tmp_path, CELERY_BROKER_URL=url)

    assert sent.stderr.count("nudge_lost") + sent.stdout.count("nudge_lost") >= 1, sent.stderr
    assert float(sent.stdout.splitlines()[-1]) < 40, "once is waited for it, up to 9 s, and not for each"


ANSWERS_BY_THE_DOZEN = """
import threading
import project.asgi
from workers import nudges
gate, names = threading.Event(), []
def send(task, run): gate.wait(60); names.append((task.name, run))
nudges._send = send
for answer in range(12):
    for run in (1, 2): nudges.nudge_run(run)
waited_for = len(names)
gate.set()
nudges._thread._teller.end()
print(waited_for, len(names) < 24, sorted(set(names)))
"""


def test_a_process_that_serves_pages_waits_for_no_nudge_and_sends_one_of_many(tmp_path: Path) -> None:
    told = manage("shell", "-v", "0", "-c", ANSWERS_BY_THE_DOZEN, data=tmp_path)
    both = [("workers.tasks.advance", 1), ("workers.tasks.advance", 2)]
    assert told.stdout.strip() == f"0 True {both}", told.stderr


WHO_LISTENS = """
from optimization.feedback.signals import item_due
from optimization.runs.signals import replay_wanted, run_due
print([bool(signal.has_listeners()) for signal in (item_due, replay_wanted, run_due)])
"""


def test_a_process_that_only_serves_pages_nudges_too(tmp_path: Path) -> None:
    told = manage("shell", "-v", "0", "-c", WHO_LISTENS, data=tmp_path)
    assert told.stdout.strip() == "[True, True, True]", told.stderr
