"""A run replayed from its stored calls and answers comes to the same bytes, and says so where it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import Task
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from optimization.models import (
    Answer,
    Call,
    Candidate,
    FeedbackRequest,
    ParameterVersion,
    Run,
    RunState,
    Step,
    WorkerPulse,
    WorkItem,
)
from optimization.runs.replays import run_replay
from optimization.runs.services import run_fork, run_replay_ask
from tests.engine.conftest import RUBRIC
from tests.engine.loop import answer_all, play, work
from tests.engine.test_loop import strict
from workers import tasks
from workers.process import Process
from workers.sweeper import sweep

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]
BY_MODEL = {"name": "LLMRubricLoss", "args": RUBRIC}


def rows() -> dict[str, Any]:
    """All that a replay must leave as it is."""
    tables = (Answer, Call, Candidate, FeedbackRequest, ParameterVersion, Step, WorkItem)
    return {table.__name__: list(table.objects.order_by("pk").values()) for table in tables}


def test_it_comes_to_the_same_bytes_and_writes_nothing(
    launch: Launch, annotator: User, process: Process
) -> None:
    run = play(launch(iterations=2), annotator, strict, process)
    before = rows()

    found = run_replay(run)

    assert found.equal, found.words
    assert (found.iterations, found.answers, found.calls) == (2, 6, Call.objects.filter(run=run).count())
    assert found.items == WorkItem.objects.filter(run=run).count()
    assert found.values == ParameterVersion.objects.filter(run=run, origin="optimizer").count() > 0
    assert "nothing was called, and nobody was asked. All" in found.words
    assert rows() == before
    call_command("runs", "replay", str(run.pk))
    last = run.events.latest("seq")
    assert (last.kind, last.payload) == ("replayed", {"equal": True, "words": found.words})

    _each_tampering_is_found(run)


def _each_tampering_is_found(run: Run) -> None:
    """What is stored is changed in one place after the other, and put back."""
    version = ParameterVersion.objects.filter(run=run, origin="optimizer").latest("pk")
    _with(version, "value", version.value + " ", run, f"the value of {version.name} in its proposal")
    answer = Answer.objects.filter(request__run=run).earliest("pk")
    _with(answer, "body", {**answer.body, "score": 3}, run, "Iteration 1, forward of example")
    call = Call.objects.filter(run=run, key__contains="/update/").latest("pk")
    reply = json.dumps({**json.loads(call.text), "value": "Something else."})
    _with(call, "text", reply, run, "Iteration 2, propose: the value of")
    _with(call, "digest", "0", run, "is stored with another request than the one that the program makes now.")
    _with(call, "item_id", None, run, "is not stored")
    effect = run.effects.filter(kind="forward").earliest("pk")
    with pytest.raises(CommandError, match="There is no run 999999"):
        call_command("runs", "replay", "999999")
    _with(effect, "digest", "0", run, "The|the algorithm now asks for a forward with other arguments")
    iteration = run.iterations.get(number=1)
    _with(iteration, "state", {**iteration.state, "cursor": 7}, run, "ends in another state")


def _with(row: Any, field: str, value: Any, run: Run, said: str) -> None:
    before = getattr(row, field)
    setattr(row, field, value)
    row.save(update_fields=[field])
    found = run_replay(run)
    assert not found.equal
    assert any(words in found.words for words in said.split("|")), found.words
    setattr(row, field, before)
    row.save(update_fields=[field])


def test_a_run_under_way_is_replayed_as_far_as_it_has_come(
    launch: Launch, annotator: User, process: Process
) -> None:
    run = launch(iterations=2)
    work(run, process)
    answer_all(run, annotator, strict)
    work(run, process)

    found = run_replay(run)

    assert found.equal, found.words
    assert "Iteration 2 is not over: it was replayed as far as it has come." in found.words


@pytest.mark.parametrize(
    "trainer",
    [
        {"name": "BasicSearchAlgorithm", "args": {"batch_size": 2, "num_proposals": 2}},
        {"name": "ParetoSearch", "args": {"batch_size": 2, "merge_frequency": 1}},
    ],
    ids=lambda trainer: trainer["name"],
)
def test_other_algorithms_and_forks_too(
    launch: Launch, operator: User, small_dataset: str, process: Process, trainer: dict[str, Any]
) -> None:
    optimizer = {"name": "TGDOptimizer", "args": {"momentum": 1}}
    run = launch(loss=BY_MODEL, iterations=2, dataset=small_dataset, trainer=trainer, optimizer=optimizer)
    work(run, process)
    fork = run_fork(run=run, user=operator, iteration=1)
    work(fork, process)

    for one in (run, fork):
        one.refresh_from_db()
        assert one.state == RunState.FINISHED, one.reason
        found = run_replay(one)
        assert found.equal, found.words


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The runs whose replay workers were asked for."""
    runs: list[int] = []

    def send(task: Task[[int], None], run_id: int) -> None:
        if task.name == "workers.tasks.replay":
            runs.append(run_id)

    monkeypatch.setattr("workers.nudges._send", send)
    return runs


def test_a_replay_is_asked_for_again_where_its_message_was_lost(
    launch: Launch, annotator: User, process: Process, sent: list[int]
) -> None:
    run = play(launch(iterations=1), annotator, strict, process)
    run_replay_ask(run=run)
    sweep()
    assert sent == [run.pk]

    Run.objects.filter(pk=run.pk).update(replay_asked_at=Now() - timedelta(minutes=2))
    at_it = WorkerPulse.objects.create(worker="llm@here", pid=1, doing=f"replaying run {run.pk}", at=Now())
    sweep()
    assert sent == [run.pk], "somebody is at it"

    at_it.delete()
    for _ in range(2):
        sweep()
    assert sent == [run.pk] * 2, "asked for again, and once"

    for _ in range(2):
        tasks.replay.run(run.pk)
    assert run.events.filter(kind="replayed").count() == 1
    Run.objects.update(replay_asked_at=None)
    sweep()
    assert sent == [run.pk] * 2


def test_a_replay_that_cannot_be_made_says_why(
    launch: Launch, annotator: User, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play(launch(iterations=1), annotator, strict, process)
    run_replay_ask(run=run)
    monkeypatch.setattr("optimization.runs.replays.trainer_for", lambda run: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tasks.replay.run(run.pk)
    said = run.events.get(kind="replayed").payload
    assert said == {"equal": False, "words": "The replay could not be made: division by zero"}
    run.refresh_from_db()
    assert run.replay_asked_at is None
