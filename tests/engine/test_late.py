"""Late and edited answers: joined to the next step, which names them; what was counted before stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.feedback.services import answer_edit
from optimization.models import (
    Answer,
    Application,
    Call,
    Claim,
    FeedbackRequest,
    Iteration,
    LateReading,
    ParameterVersion,
    RequestState,
    Run,
    RunState,
    Step,
    WorkItem,
)
from optimization.runs.replays import run_replay
from optimization.runs.selectors import iteration_outputs, late_answers, parameter_changes
from optimization.runs.services import Conflict, run_take_late
from tests.engine.loop import answer_all, answer_claim, answer_one, play, work
from tests.engine.test_deadlines import held, time_runs_out
from tests.engine.test_loop import strict
from workers.process import Process
from workers.sweeper import sweep

pytestmark = pytest.mark.django_db(transaction=True)
LATE = "Name the lamp that the customer bought"


def late(question: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "rubric", "score": 2, "improvements": [LATE]}


@pytest.fixture
def start(launch: Callable[..., Run], small_dataset: str, process: Process) -> Callable[..., Run]:
    def started(iterations: int = 2) -> Run:
        run = launch(
            dataset=small_dataset,
            iterations=iterations,
            trainer={"name": "MinibatchAlgorithm", "args": {"batch_size": 2, "eval_frequency": 0}},
            people={"deadline_minutes": 30, "on_deadline": "go_on"},
        )
        work(run, process)
        return run

    return started


def missed(run: Run, annotator: User, other: User, process: Process) -> Claim:
    """The first iteration goes on with one answer of two; whoever holds the other question has not sent theirs yet."""
    claim = held(run, annotator)
    answer_one(run, other, strict)
    time_runs_out(FeedbackRequest.objects.get(pk=claim.request_id))
    sweep()
    work(run, process)
    run.refresh_from_db()
    return claim


def told(iteration: int) -> str:
    """What the optimizer was told in an iteration."""
    return str(
        list(
            ParameterVersion.objects.filter(iteration=iteration, parent__isnull=False).values_list("feedback")
        )
    )


def test_a_late_answer_is_counted_by_the_next_step_and_changes_nothing_before(
    start: Callable[..., Run], annotator: User, operator: User, process: Process
) -> None:
    run = start()
    claim = missed(run, annotator, operator, process)
    assert run.iteration == 1
    first = Step.objects.get(run=run, iteration=0)
    before = list(WorkItem.objects.filter(effect__iteration=0).order_by("pk").values("pk", "state", "result"))
    calls = set(Call.objects.filter(run=run, iteration=0).values_list("key", flat=True))

    answer = answer_claim(claim, late)
    play(run, annotator, strict, process)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    second = Step.objects.get(run=run, iteration=1)
    assert answer.late
    assert set(second.applications.values_list("answer", flat=True)) > {answer.pk}
    assert not first.applications.filter(answer=answer).exists()
    assert LATE not in told(0)
    assert LATE in told(1)
    items = WorkItem.objects.filter(effect__iteration=0, late=False).order_by("pk")
    assert list(items.values("pk", "state", "result")) == before
    assert set(Call.objects.filter(run=run, iteration=0).values_list("key", flat=True)) == calls
    assert len(iteration_outputs(run, 0)) == 2
    assert LateReading.objects.get().iteration == 1
    replayed = run_replay(run)
    assert replayed.equal, replayed.words


def test_an_edit_of_a_counted_answer_is_counted_by_the_next_step(
    start: Callable[..., Run], annotator: User, process: Process
) -> None:
    run = start()
    answer_all(run, annotator, strict)
    work(run, process)
    answer = Answer.objects.order_by("pk")[0]
    was = answer.body

    for body in (late({}), {**late({}), "score": 3}):  # the newest version counts, once
        answer_edit(answer=answer, user=annotator, body={k: v for k, v in body.items() if k != "kind"})
    play(run, annotator, strict, process)

    run.refresh_from_db()
    answer.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    assert answer.body == was
    used = Application.objects.filter(answer=answer).order_by("step")
    assert [(one.step.iteration, one.version) for one in used] == [(0, None), (1, 3)]
    assert LATE not in told(0)
    assert told(1).count(LATE) >= 1
    item = WorkItem.objects.get(late=True)
    assert item.result["score"] == 0.5
    assert run_replay(run).equal


def test_a_finished_run_takes_one_more_step_from_what_came_late(
    start: Callable[..., Run], annotator: User, operator: User, process: Process
) -> None:
    run = start(iterations=1)
    claim = missed(run, annotator, operator, process)
    assert run.state == RunState.FINISHED, run.reason
    answer_claim(claim, late)
    claim.request.refresh_from_db()
    assert claim.request.state == RequestState.EXPIRED
    assert (late_answers(run), Step.objects.count()) == (1, 1)
    calls = Call.objects.filter(run=run, key__contains="/forward/").count()

    run_take_late(run=run, user=operator)
    work(run, process)

    run.refresh_from_db()
    assert (run.state, run.iteration) == (RunState.FINISHED, 2), run.reason
    second = Step.objects.get(run=run, iteration=1)
    assert [one.answer.body["improvements"] for one in second.applications.all()] == [[LATE]]
    assert LATE in told(1)
    assert Call.objects.filter(run=run, key__contains="/forward/").count() == calls
    assert Iteration.objects.get(run=run, number=1).note.startswith("late answers alone: ")
    assert parameter_changes(run, 1).late == 1
    assert run_replay(run).equal
    with pytest.raises(Conflict, match="No answer came late"):
        run_take_late(run=run, user=operator)
