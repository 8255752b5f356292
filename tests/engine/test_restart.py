"""Code that changed while its run waited: nothing is applied, and an iteration begun anew uses all that still fits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from optimization.models import (
    Answer,
    Application,
    Call,
    FeedbackRequest,
    ProposalReview,
    RequestState,
    Run,
    RunState,
    Step,
    WorkState,
)
from optimization.runs.engine.advance import advance
from optimization.runs.engine.leases import take
from optimization.runs.reviews import proposal_decide
from optimization.runs.services import Conflict, run_pause, run_restart
from optimization.trainers import TRAINERS, Minibatch
from optimization.trainers.effects import Evaluate, Proposal, TrainerState
from optimization.trainers.trainer import Steps
from tests.engine.loop import KINDS, answer_all, answer_one, play, work
from tests.engine.test_loop import strict
from workers.drive import drive
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]


class Before(Minibatch):
    """The algorithm as the run was launched with it."""


class After(Minibatch):
    """The same algorithm, which now looks at the training examples once more before it takes the step."""

    def committed(self, state: TrainerState, proposal: Proposal) -> Steps[TrainerState]:
        yield Evaluate(candidate=proposal.candidate, examples=(0, 1), split="train", guide="test")
        return (yield from super().committed(state, proposal))


class Elsewhere(Minibatch):
    """Another algorithm, which asks nothing of what the first one asked."""

    def forward(self, candidate: str, batch: tuple[int, ...]) -> Steps:
        yield Evaluate(candidate=candidate, examples=(0,), split="test", guide="test")
        return (yield from super().forward(candidate, batch))


@pytest.fixture
def start(launch: Launch, small_dataset: str, monkeypatch: pytest.MonkeyPatch) -> Launch:
    """Launch the algorithm as it was; keyword arguments are its own."""
    monkeypatch.setitem(TRAINERS, "Mine", Before)

    def started(**args: object) -> Run:
        args = {"batch_size": 2, "eval_frequency": 0, **args}
        return launch(dataset=small_dataset, trainer={"name": "Mine", "args": args}, iterations=1)

    return started


def paid(run: Run, part: str = "") -> set[tuple[str, str]]:
    return set(Call.objects.filter(run=run, key__contains=part).values_list("key", "text"))


def asked(run: Run) -> set[tuple[int, str]]:
    return set(FeedbackRequest.objects.filter(run=run).values_list("pk", "key"))


def test_a_change_applies_nothing_and_what_still_fits_is_used_again(
    start: Launch, annotator: User, operator: User, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    work(run, process)
    answer_all(run, annotator, strict)
    calls, questions = paid(run), asked(run)
    monkeypatch.setitem(TRAINERS, "Mine", After)
    work(run, process)
    run.refresh_from_db()
    assert run.state == RunState.NEEDS_ATTENTION
    assert "begin the iteration anew" in run.reason
    assert not Step.objects.exists()

    run_restart(run=run, user=operator)
    work(run, process)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    assert asked(run) == questions
    assert paid(run, "/forward/") == calls
    assert paid(run, "/evaluate/")  # what the changed code asks besides
    assert not Call.objects.filter(run=run, item=None).exists()
    assert (Step.objects.count(), Application.objects.count()) == (1, 2)


def test_who_was_asked_and_has_not_answered_is_still_asked_the_same(
    start: Launch, annotator: User, operator: User, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    work(run, process)
    first = answer_one(run, annotator, strict)
    questions = asked(run)
    run_pause(run=run, user=operator)
    monkeypatch.setitem(TRAINERS, "Mine", After)

    run_restart(run=run, user=operator)
    work(run, process)
    assert asked(run) == questions
    assert FeedbackRequest.objects.filter(run=run, item__state=WorkState.WAITING).count() == 1
    assert answer_all(run, annotator, strict) == 1
    work(run, process)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    assert Application.objects.filter(answer=first).count() == 1


def test_code_that_asks_elsewhere_in_the_same_words_is_answered_all_the_same(
    start: Launch, annotator: User, operator: User, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    work(run, process)
    first = answer_one(run, annotator, strict)
    calls, questions = paid(run), {pk for pk, _ in asked(run)}
    run_pause(run=run, user=operator)
    monkeypatch.setitem(TRAINERS, "Mine", Elsewhere)

    run_restart(run=run, user=operator)
    play(run, annotator, strict, process)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    assert {pk for pk, _ in asked(run)} == questions
    assert paid(run) > calls
    assert Answer.objects.count() == Application.objects.count() == 2
    assert Application.objects.filter(answer=first).count() == 1


def test_what_nothing_asks_any_more_leaves_the_queue_and_its_answer_is_not_applied(
    start: Launch, annotator: User, operator: User, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    work(run, process)
    answer_one(run, annotator, strict)
    FeedbackRequest.objects.update(digest="what the program wrote before")
    left = {pk for pk, _ in asked(run)}
    run_pause(run=run, user=operator)
    monkeypatch.setitem(TRAINERS, "Mine", Elsewhere)

    run_restart(run=run, user=operator)
    play(run, annotator, strict, process)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    states = FeedbackRequest.objects.filter(pk__in=left).values_list("state", flat=True)
    assert set(states) == {RequestState.ANSWERED, RequestState.WITHDRAWN}
    assert (Answer.objects.count(), Application.objects.count()) == (3, 2)


def test_a_step_that_was_taken_stays_and_the_new_one_is_its_revision(
    start: Launch, annotator: User, operator: User, process: Process
) -> None:
    run = start(eval_frequency=1)
    while not Step.objects.exists():
        advance(run.pk)
        for kinds in KINDS:
            process.runner.run(drive(run.pk, kinds, process))
        answer_all(run, annotator, strict)
    calls = paid(run)
    run_pause(run=run, user=operator)

    run_restart(run=run, user=operator)
    work(run, process)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    first, second = Step.objects.order_by("revision")
    assert (first.revision, second.revision) == (0, 1)
    assert first.candidate == second.candidate
    assert first.optimizer_state == second.optimizer_state == run.optimizer_state
    assert paid(run) >= calls
    assert paid(run, "/propose/") == {call for call in calls if "/propose/" in call[0]}


def test_a_decision_on_the_same_proposal_holds(
    start: Launch, annotator: User, operator: User, process: Process
) -> None:
    run = start(approve=True)
    play(run, annotator, strict, process)
    run_pause(run=run, user=operator)
    review = ProposalReview.objects.get()
    proposal_decide(review=review, user=operator, decision="rejected", reason="Not yet")
    calls = paid(run)

    run_restart(run=run, user=operator)
    work(run, process)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    assert paid(run) == calls
    assert ProposalReview.objects.get().decision == "rejected"
    assert not Step.objects.exists()


def test_a_run_under_way_is_stopped_first(start: Launch, operator: User, process: Process) -> None:
    run = start()
    with pytest.raises(Conflict, match="running"):
        run_restart(run=run, user=operator)
    advance(run.pk)
    take(kinds=["forward"], run_id=run.pk, limit=1)
    run_pause(run=run, user=operator)
    with pytest.raises(Conflict, match="under way"):
        run_restart(run=run, user=operator)
