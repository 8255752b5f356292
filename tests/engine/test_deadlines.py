"""Deadlines: what the run does with a question that nobody has answered in time, as its launch declared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from optimization.feedback.services import claim_next
from optimization.models import (
    Answer,
    Application,
    Claim,
    FeedbackRequest,
    RequestState,
    Run,
    RunState,
    Step,
    WorkItem,
)
from optimization.runs.engine.advance import advance
from optimization.runs.selectors import iteration_outputs, run_iterations
from optimization.runs.services import run_pause, run_resume, run_retry
from tests.engine.loop import answer_claim, answer_one, work
from tests.engine.test_loop import strict
from workers.process import Process
from workers.sweeper import sweep

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., Run]
HOUR = timedelta(hours=1)


@pytest.fixture
def start(launch: Callable[..., Run], small_dataset: str, process: Process) -> Start:
    """A run that waits for two answers, 30 minutes long."""

    def started(then: str, **changes: Any) -> Run:
        trainer = {"name": "MinibatchAlgorithm", "args": {"batch_size": 2, "eval_frequency": 0}}
        people = {"deadline_minutes": 30, "on_deadline": then}
        run = launch(dataset=small_dataset, iterations=1, **{"trainer": trainer, "people": people, **changes})
        work(run, process)
        return run

    return started


def time_runs_out(*requests: FeedbackRequest) -> None:
    chosen = FeedbackRequest.objects.filter(pk__in=[request.pk for request in requests])
    assert chosen.update(deadline=F("deadline") - HOUR) == len(requests)


def open_ones(run: Run) -> list[FeedbackRequest]:
    return list(run.feedback_requests.filter(state=RequestState.OPEN).order_by("pk"))


def test_a_question_has_the_time_that_was_declared_and_nothing_happens_before(start: Start) -> None:
    run = start("go_on")
    for request in open_ones(run):
        assert abs(request.deadline - request.created_at - timedelta(minutes=30)) < timedelta(seconds=5)
    sweep()
    advance(run.pk)
    assert len(open_ones(run)) == 2


@pytest.mark.parametrize("finder", [sweep, None])
def test_it_goes_on_with_the_answers_that_are_there(
    start: Start, annotator: User, process: Process, finder: Callable[[], None] | None
) -> None:
    run = start("go_on")
    answer_one(run, annotator, strict)
    (unanswered,) = open_ones(run)
    time_runs_out(unanswered)

    for _ in range(2):
        finder() if finder else advance(run.pk)
    work(run, process)

    run.refresh_from_db()
    unanswered.refresh_from_db()
    assert (unanswered.state, run.state) == (RequestState.EXPIRED, RunState.FINISHED), run.reason
    scores = sorted(str(outcome.score) for outcome in iteration_outputs(run, 0))
    assert scores == ["0.0", "None"]
    assert [outcome.note for outcome in iteration_outputs(run, 0) if outcome.score is None] == [
        "nobody answered in time"
    ]
    assert (Step.objects.count(), Application.objects.count()) == (1, 1)
    assert run.events.filter(kind="deadline").count() == 1
    assert run_iterations(run)[0].people.text.startswith("1 of 2, 1 not in time")


def test_a_model_is_asked_in_their_place_and_it_is_said(start: Start, process: Process) -> None:
    run = start("model")
    time_runs_out(*open_ones(run))
    sweep()
    work(run, process)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    for request in run.feedback_requests.all():
        assert request.stood_in["model"] == "rehearsal"
        assert request.stood_in["body"]["kind"] == "rubric"
    for outcome in iteration_outputs(run, 0):
        assert outcome.score is not None
        assert [remark.judge for remark in outcome.remarks] == [
            "rehearsal, a model, as nobody answered in time"
        ]
    assert not Answer.objects.exists()
    assert Step.objects.count() == 1


@pytest.mark.parametrize(
    "loss",
    [
        {"name": "HumanFeedbackLoss"},
        {"name": "HumanPreferenceLoss", "args": {"criteria": "Better?"}},
        {"name": "HumanRankingLoss", "args": {"criteria": "Best?"}},
    ],
)
@pytest.mark.parametrize("then", ["model", "go_on"])
def test_every_kind_of_question_can_do_without_people(
    start: Start, process: Process, loss: dict[str, Any], then: str
) -> None:
    args = {"batch_size": 2, "num_samples": 2, "eval_frequency": 0}
    run = start(then, loss=loss, trainer={"name": "MinibatchAlgorithm", "args": args})
    time_runs_out(*open_ones(run))
    sweep()
    work(run, process)
    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    assert Step.objects.exists() is (then == "model")


def test_more_time_is_given_as_often_as_it_takes(start: Start, process: Process) -> None:
    run = start("extend")
    for times in (1, 2):
        time_runs_out(*open_ones(run))
        sweep()
        assert [request.extended for request in open_ones(run)] == [times, times]
    assert all(request.deadline > timezone.now() for request in open_ones(run))


def test_it_stops_in_words_and_retry_gives_the_same_time_again(start: Start, operator: User) -> None:
    run = start("stop")
    time_runs_out(*open_ones(run))
    advance(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.NEEDS_ATTENTION
    assert run.reason.startswith("2 questions were not answered within 30 minutes.")
    assert len(open_ones(run)) == 2

    run_retry(run=run, user=operator)
    sweep()
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    assert all(request.deadline > timezone.now() for request in open_ones(run))


def test_no_time_runs_out_while_the_run_stands_still(start: Start, operator: User) -> None:
    run = start("go_on")
    before = [request.deadline for request in open_ones(run)]
    run_pause(run=run, user=operator)
    time_runs_out(*open_ones(run))
    Run.objects.filter(pk=run.pk).update(state_since=F("state_since") - HOUR)
    sweep()
    assert len(open_ones(run)) == 2

    run.refresh_from_db()
    run_resume(run=run, user=operator)
    sweep()

    for was, request in zip(before, open_ones(run), strict=True):
        assert abs(request.deadline - was) < timedelta(seconds=30)


def held(run: Run, user: User) -> Claim:
    claim = claim_next(workspace=run.workspace, user=user)
    assert claim is not None
    return claim


def test_who_was_at_it_still_counts_while_the_others_are_judging(
    start: Start, annotator: User, process: Process
) -> None:
    run = start("go_on")
    claim = held(run, annotator)
    time_runs_out(claim.request)
    sweep()
    work(run, process)
    item = WorkItem.objects.get(pk=claim.request.item_id)
    assert item.result["score"] is None

    answer = answer_claim(claim, strict)
    work(run, process)

    item.refresh_from_db()
    claim.request.refresh_from_db()
    assert not answer.late
    assert (item.result["score"], claim.request.state) == (0.0, RequestState.ANSWERED)


def test_an_answer_after_the_effect_is_late_and_changes_no_history(
    start: Start, annotator: User, process: Process
) -> None:
    run = start("go_on")
    claim = held(run, annotator)
    time_runs_out(*open_ones(run))
    sweep()
    work(run, process)
    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason

    answer = answer_claim(claim, strict)

    assert answer.late
    assert WorkItem.objects.get(pk=claim.request.item_id).result["score"] is None
    assert not Application.objects.exists()
