"""Late and edited answers: joined to the next step, which names them; what was counted before stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.accounts.services import member_add
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
    Role,
    Run,
    RunState,
    Step,
    WorkItem,
)
from optimization.runs.doctor import examine
from optimization.runs.replays import run_replay
from optimization.runs.selectors import iteration_outputs, late_answers, parameter_changes
from optimization.runs.services import Conflict, run_take_late, run_without
from optimization.runs.without import judge_offered, without_offers
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


@pytest.fixture
def otto(annotator: User) -> User:
    workspace = annotator.memberships.get().workspace
    return member_add(workspace=workspace, username="otto", role=Role.ANNOTATOR)[0].user


@pytest.fixture
def mixed(
    start: Callable[..., Run], annotator: User, operator: User, otto: User, process: Process
) -> tuple[Run, Answer]:
    """The second step counts a late answer of Ines to the first iteration, and one answer each of Ines and Otto."""
    run = start()
    claim = missed(run, annotator, operator, process)
    came_late = answer_claim(claim, late)
    answer_one(run, otto, lambda _: {"kind": "rubric", "score": 2, "improvements": ["Answer in rhymes"]})
    play(run, annotator, strict, process)
    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    return run, came_late


def used(run: Run, iteration: int) -> set[int]:
    return set(
        Application.objects.filter(step__run=run, step__iteration=iteration).values_list("answer", flat=True)
    )


def said_to(run: Run, iteration: int) -> str:
    versions = ParameterVersion.objects.filter(run=run, iteration=iteration, parent__isnull=False)
    return str(list(versions.values_list("feedback")))


def test_without_somebody_else_a_late_answer_is_counted_by_the_same_step(
    mixed: tuple[Run, Answer], operator: User, otto: User, process: Process
) -> None:
    run, came_late = mixed
    offer = next(offer for offer in without_offers(run) if offer.person == otto)
    assert (offer.iteration, offer.given, offer.answers) == (1, 1, 2)
    fork = run_without(run=run, user=operator, person=otto, judge=judge_offered(run))
    work(fork, process)

    fork.refresh_from_db()
    assert fork.state == RunState.FINISHED, fork.reason
    theirs = set(Answer.objects.filter(user=otto).values_list("pk", flat=True))
    assert came_late.pk in used(fork, 1) == used(run, 1) - theirs
    assert LATE in said_to(fork, 1)
    assert "rhymes" in said_to(run, 1)
    assert "rhymes" not in said_to(fork, 1)
    assert not Call.objects.filter(run=fork, item__late=True).exists()
    for one in (run, fork):
        found = run_replay(one)
        assert found.equal, found.words
    assert [finding.sentence for finding in examine().findings] == []


def test_without_who_came_late_the_step_has_nothing_of_it(
    mixed: tuple[Run, Answer], annotator: User, operator: User, process: Process
) -> None:
    run, came_late = mixed
    fork = run_without(run=run, user=operator, person=annotator, judge=judge_offered(run))
    work(fork, process)

    fork.refresh_from_db()
    assert fork.state == RunState.FINISHED, fork.reason
    theirs = set(Answer.objects.filter(user=annotator).values_list("pk", flat=True))
    assert came_late.pk in theirs
    assert used(fork, 1) == used(run, 1) - theirs
    assert LATE in said_to(run, 1)
    assert LATE not in said_to(fork, 1)
    assert not WorkItem.objects.filter(run=fork, late=True).exists()


def test_a_step_of_late_answers_alone_is_no_place_to_begin_without_who_gave_them(
    start: Callable[..., Run], annotator: User, operator: User, process: Process
) -> None:
    run = start(iterations=1)
    claim = missed(run, annotator, operator, process)
    answer_claim(claim, late)
    run_take_late(run=run, user=operator)
    work(run, process)
    with pytest.raises(Conflict, match="from late answers alone"):
        run_without(run=run, user=operator, person=annotator)
