"""Approval: a run that asks a person waits without any process, and its step is what the person said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

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
from optimization.runs.services import Conflict, run_cancel
from tests.engine.conftest import RUBRIC
from tests.engine.loop import work
from workers.process import Process
from workers.sweeper import sweep

pytestmark = pytest.mark.django_db(transaction=True)
EDIT = "You answer customers of a lamp shop. Name the order number and a date."


@pytest.fixture
def waiting(launch: Callable[..., Run], process: Process, small_dataset: str) -> ProposalReview:
    """A run whose first proposal waits for a word on it."""
    args = {"batch_size": 2, "eval_frequency": 0, "approve": True, "ensure_improvement": False}
    run = launch(
        dataset=small_dataset,
        trainer={"name": "Minibatch", "args": args},
        loss={"name": "LLMRubricLoss", "args": RUBRIC},
        iterations=1,
    )
    work(run, process)
    return ProposalReview.objects.select_related("run").get(run=run)


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
