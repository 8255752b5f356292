"""A run's state is a sentence with a tone, a since-when and a next thing to do."""

import pytest
from django.utils import timezone

from optimization.models import (
    Audience,
    FeedbackRequest,
    Membership,
    RequestState,
    RunState,
    WorkItem,
    Workspace,
    WorkState,
)
from optimization.runs.selectors import run_status, run_statuses
from optimization.runs.waiting import runs_waiting
from tests.factories import (
    make_answer,
    make_effect,
    make_item,
    make_request,
    make_run,
    make_stopped,
    make_waiting,
)

Members = dict[str, Membership]


def test_a_run_that_waits_for_people_says_how_many_have_answered_and_how_long_the_rest_takes(
    workspace: Workspace, members: Members
) -> None:
    run = make_run(workspace, members["operator"].user)
    make_waiting(run, [members["annotator"].user], given=2, wanted=8)
    status = run_status(run)
    assert status.sentence == "Waiting for people: 2 of 8, about 4 min"
    assert (status.tone, status.progress, status.judgeable) == ("waits", (2, 8), True)


def test_it_waits_since_the_oldest_open_question(workspace: Workspace, members: Members) -> None:
    run = make_run(workspace, members["operator"].user)
    requests = make_waiting(run, [members["annotator"].user], given=1, wanted=3)
    requests[1].refresh_from_db()
    assert run_status(run).since == requests[1].created_at


def test_a_run_whose_annotators_disagree_waits_for_a_reviewer(workspace: Workspace, members: Members) -> None:
    run = make_run(workspace, members["operator"].user)
    _, second, third = make_waiting(run, [members["annotator"].user], given=2, wanted=3)
    FeedbackRequest.objects.filter(pk=second.pk).update(state=RequestState.DISPUTED)
    WorkItem.objects.filter(pk=second.item_id).update(state=WorkState.WAITING)
    assert run_status(run).sentence.startswith("Waiting for people: 2 of 3")
    assert not run_status(run).disputed

    make_answer(third, members["annotator"].user, score=3, number=2)
    status = run_status(run)
    assert status.sentence == "Waiting for a reviewer: 1 disagreement"
    assert (status.tone, status.disputed, status.judgeable) == ("waits", 1, False)
    assert status.since == second.answers.get().created_at


def test_a_question_asked_word_for_word_before_is_not_counted_twice(
    workspace: Workspace, members: Members
) -> None:
    run = make_run(workspace, members["operator"].user)
    first, twin = make_waiting(run, [members["annotator"].user], given=0, wanted=2)
    FeedbackRequest.objects.filter(pk=twin.pk).update(twin_of=first)
    assert run_status(run).sentence.startswith("Waiting for people: 0 of 1")
    assert [waiting.answers for waiting in runs_waiting(workspace)] == [1]


def test_rehearsal_colleagues_are_waited_for_under_their_own_name(
    workspace: Workspace, members: Members
) -> None:
    run = make_run(workspace, members["operator"].user, activity="people")
    forward = make_effect(run, "forward", 0, timezone.now())
    make_request(make_item(forward, 0, WorkState.WAITING), Audience.REHEARSAL)
    status = run_status(run)
    assert status.sentence == "Waiting for rehearsal colleagues: 0 of 1"
    assert not status.judgeable


def test_a_run_whose_examples_all_wait_for_people_says_so_before_its_activity_does(
    workspace: Workspace, members: Members
) -> None:
    run = make_run(workspace, members["operator"].user, activity="models")
    forward = make_effect(run, "forward", 0, timezone.now())
    make_request(make_item(forward, 0, WorkState.WAITING))
    assert run_status(run).sentence.startswith("Waiting for people: 0 of 1")
    make_item(forward, 1, WorkState.LEASED)
    assert run_status(run).sentence == "Running the program: 1 of 2 examples"


def test_while_models_work_it_says_what_they_do(workspace: Workspace, members: Members) -> None:
    run = make_run(workspace, members["operator"].user, activity="models")
    forward = make_effect(run, "forward", 0, timezone.now())
    make_item(forward, 0, WorkState.DONE)
    make_item(forward, 1, WorkState.LEASED)
    status = run_status(run)
    assert status.sentence == "Running the program: 1 of 2 examples"
    assert (status.tone, status.since) == ("acts", forward.created_at)


def test_a_run_between_two_effects_names_its_iteration(workspace: Workspace, members: Members) -> None:
    run = make_run(workspace, members["operator"].user, iteration=2)
    assert run_status(run).sentence == "Beginning iteration 3"


@pytest.mark.parametrize(
    ("state", "reason", "sentence", "tone", "next_step"),
    [
        (
            RunState.PAUSED,
            "Paused by Ines. Answers are kept.",
            "Paused by Ines",
            "stopped",
            "Answers are kept.",
        ),
        (RunState.PAUSED, "", "Paused", "stopped", "Resume it, and it goes on with iteration 1."),
        (
            RunState.CANCELLED,
            "Cancelled by Ines.",
            "Cancelled by Ines",
            "stopped",
            "Its prompts and answers are kept.",
        ),
        (
            RunState.FINISHED,
            "Finished after 5 iterations.",
            "Finished after 5 iterations",
            "done",
            "Read what changed, or launch it again with other settings.",
        ),
    ],
)
def test_a_run_that_stands_says_why_and_what_to_do(
    workspace: Workspace,
    members: Members,
    state: RunState,
    reason: str,
    sentence: str,
    tone: str,
    next_step: str,
) -> None:
    run = make_stopped(make_run(workspace, members["operator"].user), state, reason)
    status = run_status(run)
    assert (status.sentence, status.tone, status.next_step) == (sentence, tone, next_step)
    assert status.since == run.state_since


def test_a_run_that_needs_attention_gives_its_whole_reason(workspace: Workspace, members: Members) -> None:
    reason = "The endpoint default refused the key. Enter it again."
    run = make_stopped(make_run(workspace, members["operator"].user), RunState.NEEDS_ATTENTION, reason)
    status = run_status(run)
    assert (status.sentence, status.reason) == ("Needs attention", reason)
    assert status.next_step == "Nothing that was paid for is asked again."


def test_fifty_runs_cost_as_many_queries_as_one(
    workspace: Workspace, members: Members, django_assert_num_queries
) -> None:
    runs = [make_run(workspace, members["operator"].user) for _ in range(3)]
    for run in runs:
        make_waiting(run, [members["annotator"].user])
    with django_assert_num_queries(8):
        run_statuses(runs[:1])
    with django_assert_num_queries(8):
        run_statuses(runs)
