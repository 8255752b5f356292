"""Approval: a run that asks a person waits without any process, and its step is what the person said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from optimization.core import Module
from optimization.core.constraints import MaxLength
from optimization.models import (
    Activity,
    Iteration,
    Origin,
    ProgramVersion,
    ProposalReview,
    Run,
    RunState,
    Step,
    WorkItem,
    WorkState,
)
from optimization.runs import reviews
from optimization.runs.assembly import program_of
from optimization.runs.engine.advance import advance
from optimization.runs.reviews import EditRefused, proposal_decide, review_changes, review_scores
from optimization.runs.selectors import run_iterations, run_status
from optimization.runs.services import (
    Conflict,
    run_cancel,
    run_pause,
    run_restart,
    run_resume,
    run_retry,
)
from tests.engine.conftest import RUBRIC
from tests.engine.loop import work
from workers.process import Process
from workers.sweeper import sweep

pytestmark = pytest.mark.django_db(transaction=True)
EDIT = "You answer customers of a lamp shop. Name the order number and a date."


@pytest.fixture
def propose(
    launch: Callable[..., Run], process: Process, small_dataset: str
) -> Callable[..., ProposalReview]:
    """Bring a run to where its first proposal waits for a word on it, who is asked what by `people`."""

    def proposed(**people: object) -> ProposalReview:
        args = {"batch_size": 2, "eval_frequency": 0, "approve": True, "ensure_improvement": False}
        run = launch(
            dataset=small_dataset,
            trainer={"name": "Minibatch", "args": args},
            loss={"name": "LLMRubricLoss", "args": RUBRIC},
            people=people,
            iterations=1,
        )
        work(run, process)
        return ProposalReview.objects.select_related("run").get(run=run)

    return proposed


@pytest.fixture
def waiting(propose: Callable[..., ProposalReview]) -> ProposalReview:
    return propose()


def time_runs_out(review: ProposalReview) -> None:
    assert ProposalReview.objects.filter(pk=review.pk).update(due_at=F("due_at") - timedelta(hours=1))
    sweep()
    review.refresh_from_db()


def first_of(review: ProposalReview) -> str:
    return review_changes(review)[0].name


def test_it_waits_as_a_row_and_says_so(waiting: ProposalReview) -> None:
    run = Run.objects.get(pk=waiting.run_id)
    assert (run.activity, run_status(run).sentence) == (
        Activity.PEOPLE,
        "Waiting for a decision on the rewritten prompts",
    )
    assert run_status(run).decidable
    assert run_iterations(run)[0].step.text == "to be decided"
    sweep()
    advance(run.pk)
    assert WorkItem.objects.get(review=waiting).state == WorkState.WAITING
    assert not Step.objects.exists()
    assert review_scores(waiting).before is not None


@pytest.mark.parametrize("decision", ["approved", "edited", "rejected"])
def test_the_step_is_what_the_person_said(
    waiting: ProposalReview, operator: User, process: Process, decision: str
) -> None:
    run, name = waiting.run, first_of(waiting)
    values = {name: EDIT} if decision == "edited" else {}

    for _ in range(2):  # sent twice, it is one decision
        proposal_decide(
            review=waiting, user=operator, decision=decision, values=values, reason="Too long for customers"
        )
    work(run, process)

    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    step = Step.objects.filter(run=run).first()
    note = Iteration.objects.get(run=run).note
    if decision == "rejected":
        assert step is None
        assert note == "rejected by olga"
        return
    assert step is not None
    version = step.candidate.versions.get(name=name)
    assert note.endswith("changed")
    if decision == "edited":
        assert (version.value, version.origin) == (EDIT, Origin.PERSON)
        assert version.parent is not None
        assert version.parent.origin == Origin.OPTIMIZER
        assert version.parent.value != EDIT
    else:
        assert (step.candidate.key, version.origin) == (waiting.proposal, Origin.OPTIMIZER)


def test_an_edit_that_changes_nothing_is_an_approval(waiting: ProposalReview, operator: User) -> None:
    same = {change.name: change.after.replace("\n", "\r\n") + "\n" for change in review_changes(waiting)}
    decided = proposal_decide(review=waiting, user=operator, decision="edited", values=same)
    assert (decided.decision, decided.candidate) == ("approved", "")


def test_what_cannot_be_taken_is_refused_at_its_field(
    waiting: ProposalReview, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = first_of(waiting)

    def with_a_rule(version: ProgramVersion) -> Module:
        program = program_of(version)
        dict(program.named_parameters())[name].constraints = (MaxLength(900),)
        return program

    monkeypatch.setattr(reviews, "program_of", with_a_rule)
    for decision, values, place in [
        ("rejected", {}, "/reason"),
        ("edited", {name: "  "}, f"/values/{name}"),
        ("edited", {name: "x" * 901}, f"/values/{name}"),
        ("edited", {"nothing": "A text"}, "/values/nothing"),
    ]:
        with pytest.raises(EditRefused) as refused:
            proposal_decide(review=waiting, user=operator, decision=decision, values=values)
        assert [pointer for pointer, _ in refused.value.errors] == [place]
    waiting.refresh_from_db()
    assert waiting.decision == ""


def test_the_first_word_counts(waiting: ProposalReview, operator: User, annotator: User) -> None:
    proposal_decide(review=waiting, user=operator, decision="approved")
    for user, decision in [(annotator, "approved"), (operator, "rejected")]:
        with pytest.raises(Conflict, match="olga approved"):
            proposal_decide(review=waiting, user=user, decision=decision, reason="No")


def test_a_cancelled_run_takes_no_decision(waiting: ProposalReview, operator: User) -> None:
    run_cancel(run=waiting.run, user=operator)
    with pytest.raises(Conflict, match="cancelled"):
        proposal_decide(review=waiting, user=operator, decision="approved")


def test_a_proposal_without_a_deadline_waits_as_long_as_it_takes(waiting: ProposalReview) -> None:
    assert waiting.due_at is None
    assert run_status(waiting.run).due is None


@pytest.mark.parametrize("then", ["go_on", "model"])
def test_the_old_prompts_are_kept_where_nobody_decides_in_time(
    propose: Callable[..., ProposalReview], operator: User, process: Process, then: str
) -> None:
    review = propose(deadline_minutes=30, on_deadline=then)
    assert run_status(review.run).due == review.due_at
    assert run_status(review.run).then == "the prompts in force are kept"
    sweep()
    advance(review.run_id)
    review.refresh_from_db()
    assert not review.decision

    time_runs_out(review)
    work(review.run, process)

    review.run.refresh_from_db()
    assert review.run.state == RunState.FINISHED, review.run.reason
    assert (review.decision, review.decided_by) == ("rejected", None)
    assert review.reason == "Nobody decided within 30 minutes."
    assert not Step.objects.exists()
    assert Iteration.objects.get(run=review.run).note == "not decided on in time"
    assert review.run.events.filter(kind="deadline").count() == 1
    with pytest.raises(Conflict, match="Its time ran out"):
        proposal_decide(review=review, user=operator, decision="approved")


def test_its_time_is_extended_and_the_decision_still_counts(
    propose: Callable[..., ProposalReview], operator: User, process: Process
) -> None:
    review = propose(deadline_minutes=30, on_deadline="extend")
    time_runs_out(review)
    assert review.due_at is not None
    assert review.due_at > timezone.now()
    proposal_decide(review=review, user=operator, decision="approved")
    work(review.run, process)
    assert Step.objects.count() == 1


def test_the_run_stops_for_an_operator_and_retry_gives_the_time_again(
    propose: Callable[..., ProposalReview], operator: User
) -> None:
    review = propose(deadline_minutes=30, on_deadline="stop")
    time_runs_out(review)
    run = Run.objects.get(pk=review.run_id)
    assert run.state == RunState.NEEDS_ATTENTION
    assert run.reason.startswith("1 proposal was not decided on within 30 minutes.")

    run_retry(run=run, user=operator)
    review.refresh_from_db()
    assert review.due_at is not None
    assert review.due_at > timezone.now()
    assert run_status(Run.objects.get(pk=run.pk)).decidable


def test_a_run_that_stands_still_lets_no_time_of_a_proposal_run_out(
    propose: Callable[..., ProposalReview], operator: User
) -> None:
    review = propose(deadline_minutes=30)
    run_pause(run=review.run, user=operator)
    Run.objects.filter(pk=review.run_id).update(state_since=F("state_since") - timedelta(hours=1))
    time_runs_out(review)
    run_resume(run=review.run, user=operator)
    sweep()
    review.refresh_from_db()
    assert not review.decision


def test_an_iteration_that_is_begun_anew_asks_again_what_nobody_decided(
    propose: Callable[..., ProposalReview], operator: User, process: Process
) -> None:
    review = propose(deadline_minutes=30)
    time_runs_out(review)
    run_pause(run=review.run, user=operator)
    run_restart(run=review.run, user=operator)
    work(review.run, process)
    review.refresh_from_db()
    assert not review.decision
    assert review.due_at is not None
    assert review.due_at > timezone.now()
