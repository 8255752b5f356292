"""What the queue says of itself."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from optimization.feedback.counts import QueueCounts, queue_counts
from optimization.feedback.selectors import answers_of, queue_waiting_reason
from optimization.feedback.services import answer_submit, claim_next, request_skip
from optimization.models import (
    Activity,
    Audience,
    Claim,
    FeedbackRequest,
    RequestState,
    Run,
    RunState,
    WorkState,
)
from tests.feedback.scene import GOOD, Scene, let_expire


def reason(scene: Scene, user: User) -> str:
    return queue_waiting_reason(workspace=scene.workspace, user=user)


def set_run(scene: Scene, **changes: str) -> None:
    Run.objects.filter(pk=scene.run.pk).update(**changes)


def test_counts_are_of_what_this_person_could_judge_and_has_judged(
    scene: Scene, dana: User, omar: User
) -> None:
    for _ in range(3):
        scene.ask()
    scene.ask(audience=Audience.REHEARSAL)
    taken = claim_next(workspace=scene.workspace, user=dana)
    assert taken
    answer_submit(request=taken.request, user=dana, fence=taken.fence, client_key="k", body=GOOD)
    claim_next(workspace=scene.workspace, user=omar)
    skipped = claim_next(workspace=scene.workspace, user=dana)
    assert skipped
    request_skip(request=skipped.request, user=dana)
    assert queue_counts(scene.member(dana)) == QueueCounts(today=1, waiting=0, others=("omar",))
    assert queue_counts(scene.member(omar)) == QueueCounts(today=0, waiting=1)


def test_a_colleague_of_a_rehearsal_counts_the_lane_of_rehearsals_alone(scene: Scene) -> None:
    ada = scene.person("ada", rehearsal=True)
    scene.ask(audience=Audience.REHEARSAL)
    FeedbackRequest.objects.filter(pk=scene.ask().pk).update(lane=f"person:{ada.pk}")
    assert queue_counts(scene.member(ada)).waiting == 1


def test_an_empty_queue_says_which_models_are_called(scene: Scene, dana: User) -> None:
    set_run(scene, activity=Activity.MODELS)
    scene.item(WorkState.DONE)
    scene.item(WorkState.WAITING)
    scene.item(WorkState.DUE)
    assert reason(scene, dana) == (
        "Nothing waits for you. Run “Gentle steps” is calling models: 2 of 3; new items appear here by themselves."
    )


def test_an_empty_queue_says_that_others_judge(scene: Scene, dana: User) -> None:
    scene.ask(audience=Audience.REHEARSAL)
    assert "waits for others to judge: 0 of 1" in reason(scene, dana)


def test_an_empty_queue_counts_no_checks(scene: Scene, dana: User) -> None:
    scene.ask(audience=Audience.REHEARSAL)
    check = scene.ask(audience=Audience.REHEARSAL)
    FeedbackRequest.objects.filter(pk=check.pk).update(audience=Audience.CHECK, lane="")
    assert "waits for others to judge: 0 of 1" in reason(scene, dana)


def test_an_empty_queue_says_that_a_reviewer_decides(scene: Scene, dana: User) -> None:
    scene.ask()
    FeedbackRequest.objects.update(state=RequestState.DISPUTED)
    assert "waits for a reviewer to decide where judges differ" in reason(scene, dana)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.PAUSED, "is paused"),
        (RunState.NEEDS_ATTENTION, "needs an operator's attention"),
        (RunState.FINISHED, "No run is under way"),
        (RunState.CANCELLED, "No run is under way"),
    ],
)
def test_an_empty_queue_says_why_no_run_brings_work(
    scene: Scene, dana: User, state: RunState, words: str
) -> None:
    set_run(scene, state=state)
    assert words in reason(scene, dana)


def test_one_sees_ones_own_answers_the_newest_first(scene: Scene, dana: User, omar: User) -> None:
    for user in (dana, omar, dana):
        scene.ask()
        taken = claim_next(workspace=scene.workspace, user=user)
        assert taken
        answer_submit(
            request=taken.request, user=user, fence=taken.fence, client_key=f"{taken.pk}", body=GOOD
        )
    answers = list(answers_of(workspace=scene.workspace, user=dana))
    assert [answer.user for answer in answers] == [dana, dana]
    assert answers[0].pk > answers[1].pk


def test_the_counts_say_who_else_is_judging(scene: Scene, dana: User, omar: User) -> None:
    scene.ask(wanted=3)
    ada = scene.person("ada", rehearsal=True)
    scene.ask(audience="rehearsal")
    for user in (dana, omar, ada):
        claim_next(workspace=scene.workspace, user=user)
    assert queue_counts(scene.member(dana)).company == "omar"
    let_expire(Claim.objects.get(user=omar))
    assert queue_counts(scene.member(dana)).company == ""
    assert QueueCounts(0, 0, ("Ines", "Omar")).company == "Ines and Omar"
    assert QueueCounts(0, 0, ("Ines", "Omar", "Ada")).company == "Ines, Omar and more"
