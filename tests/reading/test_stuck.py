"""What keeps a run from going on by itself is seen, and an operator says what is to become of it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from optimization.feedback.services import claim_next, request_skip
from optimization.models import (
    Call,
    FeedbackRequest,
    Iteration,
    Membership,
    RequestState,
    Role,
    Run,
    RunState,
    WorkItem,
    Workspace,
    WorkState,
)
from optimization.runs.results import outcomes_of
from optimization.runs.selectors import run_status
from optimization.runs.services import Conflict, item_mend, question_mend
from optimization.runs.stuck import stuck_items, stuck_questions
from tests.factories import make_effect, make_item, make_run, make_stopped, make_waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(workspace: Workspace, members: dict[str, Membership]) -> Run:
    return make_run(workspace, members["operator"].user)


@pytest.fixture
def judges(run: Run) -> list[User]:
    """All who may judge in the run's workspace."""
    may = Membership.objects.filter(
        workspace=run.workspace, role__in=[Role.ANNOTATOR, Role.OPERATOR, Role.ADMIN]
    )
    return [member.user for member in may.select_related("user")]


@pytest.fixture
def passed_on(run: Run, judges: list[User]) -> FeedbackRequest:
    """The one question that is open, skipped by all."""
    (request,) = make_waiting(run, judges, given=0, wanted=1)
    for judge in judges:
        assert not stuck_questions(run)
        request_skip(request=request, user=judge, reason="I do not know the shop")
    return request


def test_what_everybody_passed_on_does_not_wait_silently(run: Run, passed_on: FeedbackRequest) -> None:
    (stuck,) = stuck_questions(run)
    assert stuck.request == passed_on
    assert {reason for _, reason in stuck.passed_on} == {"I do not know the shop"}
    status = run_status(run)
    assert (status.tone, status.sentence, status.stuck) == (
        "attention",
        "Nobody is left to answer 1 question",
        1,
    )


def test_while_others_can_judge_the_rest_it_is_said_beside(run: Run, judges: list[User]) -> None:
    first, _ = make_waiting(run, judges, given=0, wanted=2)
    for judge in judges:
        request_skip(request=first, user=judge)
    status = run_status(run)
    assert status.sentence.startswith("Waiting for people: 0 of 2")
    assert status.stuck == 1


def test_somebody_new_can_answer_it(run: Run, passed_on: FeedbackRequest) -> None:
    newcomer = User.objects.create_user("nora")
    Membership.objects.create(workspace=run.workspace, user=newcomer, role=Role.ANNOTATOR)
    assert not stuck_questions(run)
    with pytest.raises(Conflict, match="not stuck"):
        question_mend(run=run, request_id=passed_on.pk, user=newcomer, then="go-on")


def test_everybody_is_asked_again(run: Run, passed_on: FeedbackRequest, judges: list[User]) -> None:
    question_mend(run=run, request_id=passed_on.pk, user=judges[0], then="ask-again")
    claim = claim_next(workspace=run.workspace, user=judges[0])
    assert claim is not None
    assert claim.request == passed_on


@pytest.mark.parametrize(("then", "stand_in"), [("ask-model", "model"), ("go-on", "")])
def test_the_run_goes_on_without_people(
    run: Run, passed_on: FeedbackRequest, judges: list[User], then: str, stand_in: str
) -> None:
    question_mend(run=run, request_id=passed_on.pk, user=judges[0], then=then)
    passed_on.refresh_from_db()
    assert (passed_on.state, passed_on.stand_in) == (RequestState.EXPIRED, stand_in)
    assert WorkItem.objects.get(pk=passed_on.item_id).state == WorkState.DUE


@pytest.fixture
def failing(run: Run) -> WorkItem:
    """Two examples of an iteration: one is done, the other has raised three times."""
    Iteration.objects.create(
        run=run, number=run.iteration, started_at=timezone.now(), state=run.trainer_state
    )
    forward = make_effect(run, "forward", 0, timezone.now())
    make_item(forward, 0, WorkState.DONE)
    return make_item(forward, 1, WorkState.FAILED, errors=3, last_error="KeyError: 'ticket'")


def test_failing_work_is_shown_with_its_inputs_and_last_error(run: Run, failing: WorkItem) -> None:
    (stuck,) = stuck_items(run)
    assert stuck.what == "Running the program: example 2 of train"
    assert stuck.error == "KeyError: 'ticket'"
    assert stuck.inputs["ticket"].startswith("The left bulb")
    assert stuck.due_at is None


def test_what_is_tried_again_by_itself_tells_its_last_error(run: Run, failing: WorkItem) -> None:
    WorkItem.objects.filter(pk=failing.pk).update(state=WorkState.DUE, errors=1)
    assert run_status(run).trouble == "KeyError: 'ticket'"
    (stuck,) = stuck_items(run)
    assert stuck.due_at is not None


def test_one_item_is_tried_again_and_the_run_that_stopped_for_it_goes_on(
    run: Run, failing: WorkItem, judges: list[User]
) -> None:
    make_stopped(run, RunState.NEEDS_ATTENTION, "Example 2 failed 3 times.")
    item_mend(run=run, item_id=failing.pk, user=judges[0], then="retry")
    failing.refresh_from_db()
    run.refresh_from_db()
    assert (failing.state, failing.errors, run.state) == (WorkState.DUE, 0, RunState.RUNNING)
    assert Call.objects.filter(item=failing, key__contains="set aside").exists()


def test_an_example_that_is_left_out_counts_neither_way(
    run: Run, failing: WorkItem, judges: list[User]
) -> None:
    item_mend(run=run, item_id=failing.pk, user=judges[0], then="leave-out")
    failing.refresh_from_db()
    (outcome,) = outcomes_of(failing)
    assert (outcome.score, outcome.error, outcome.feedback) == (None, None, [])
    assert "KeyError" in failing.last_error
    assert not stuck_items(run)
    with pytest.raises(Conflict, match="not fail any more"):
        item_mend(run=run, item_id=failing.pk, user=judges[0], then="retry")


def test_what_the_iteration_cannot_do_without_is_not_left_out(run: Run, judges: list[User]) -> None:
    item = make_item(make_effect(run, "propose", 2, timezone.now()), 0, WorkState.DUE, errors=2)
    with pytest.raises(Conflict, match="cannot go on without"):
        item_mend(run=run, item_id=item.pk, user=judges[0], then="leave-out")
