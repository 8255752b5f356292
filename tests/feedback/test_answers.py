"""One answer a person and question, whatever is clicked, retried or sent late."""

from __future__ import annotations

import math
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.feedback.errors import FeedbackError, HoldLost, InvalidAnswer
from optimization.feedback.services import (
    answer_submit,
    claim_next,
    claim_release,
    draft_load,
    draft_save,
    requests_withdraw,
)
from optimization.feedback.signals import item_due
from optimization.models import Answer, Claim, ClaimState, RequestState, WorkState
from tests.feedback.scene import GOOD, Scene, let_expire


def hold(scene: Scene, user: User) -> Claim:
    taken = claim_next(workspace=scene.workspace, user=user)
    assert taken is not None
    return taken


def submit(taken: Claim, key: str = "key", body: dict[str, Any] | None = None, **how: Any) -> Answer:
    return answer_submit(
        request=taken.request,
        user=taken.user,
        **{"fence": taken.fence, "client_key": key, "body": body or GOOD, **how},
    )


def test_an_answer_is_stored_as_an_answer_of_its_kind(scene: Scene, dana: User) -> None:
    scene.ask()
    stored = submit(hold(scene, dana), body={"score": 4, "improvements": ["Say when"]}, seconds=12.5)
    stored.refresh_from_db()
    assert stored.body == {
        "kind": "rubric",
        "score": 4.0,
        "improvements": ["Say when"],
        "justification": "",
        "scores": {},
        "marks": [],
    }
    assert stored.seconds == 12.5


@pytest.mark.parametrize(("told", "kept"), [(-3.0, 0.0), (1e9, 86400.0), (math.nan, 0.0)])
def test_time_on_task_is_kept_within_reason(scene: Scene, dana: User, told: float, kept: float) -> None:
    scene.ask()
    assert submit(hold(scene, dana), seconds=told).seconds == kept


def test_a_retry_with_the_same_key_is_the_same_answer(scene: Scene, dana: User) -> None:
    scene.ask()
    taken = hold(scene, dana)
    assert submit(taken) == submit(taken)
    assert Answer.objects.count() == 1


def test_two_tabs_make_one_answer_and_the_first_counts(scene: Scene, dana: User) -> None:
    scene.ask()
    taken = hold(scene, dana)
    first = submit(taken, "tab one")
    second = submit(taken, "tab two", {"score": 5})
    assert second == first
    assert Answer.objects.get().body["score"] == 4.0


def test_a_key_belongs_to_one_answer(scene: Scene, dana: User) -> None:
    scene.ask()
    scene.ask()
    submit(hold(scene, dana), "key")
    with pytest.raises(FeedbackError, match="client key"):
        submit(hold(scene, dana), "key")


def test_an_answer_that_does_not_fit_changes_nothing(scene: Scene, dana: User) -> None:
    question = scene.ask()
    taken = hold(scene, dana)
    with pytest.raises(InvalidAnswer) as refused:
        submit(taken, body={"score": 9})
    assert refused.value.errors == {"score": "9 is not a score of this rubric. It has 1, 2, 3, 4, 5."}
    question.refresh_from_db()
    taken.refresh_from_db()
    assert (question.taken, taken.state) == (1, ClaimState.ACTIVE)


def test_the_last_wanted_answer_closes_the_question_and_wakes_its_item(
    scene: Scene, dana: User, omar: User, django_capture_on_commit_callbacks
) -> None:
    question = scene.ask(wanted=2)
    woken: list[tuple[int, int]] = []
    item_due.connect(listen := lambda item_id, run_id, **_: woken.append((item_id, run_id)))
    try:
        with django_capture_on_commit_callbacks(execute=True):
            submit(hold(scene, dana))
        question.item.refresh_from_db()
        assert (question.item.state, woken) == (WorkState.WAITING, [])
        with django_capture_on_commit_callbacks(execute=True):
            submit(hold(scene, omar))
    finally:
        item_due.disconnect(listen)
    question.refresh_from_db()
    question.item.refresh_from_db()
    assert question.state == RequestState.ANSWERED
    assert question.answered_at is not None
    assert question.item.state == WorkState.DUE
    assert woken == [(question.item_id, scene.run.pk)]


def test_a_late_answer_counts_if_nobody_took_the_question(scene: Scene, dana: User, omar: User) -> None:
    question = scene.ask()
    late = hold(scene, dana)
    let_expire(late)
    submit(late)
    question.refresh_from_db()
    assert question.state == RequestState.ANSWERED
    assert claim_next(workspace=scene.workspace, user=omar) is None


def test_a_lapsed_hold_still_answers_while_a_place_is_free(scene: Scene, dana: User, omar: User) -> None:
    question = scene.ask(wanted=2)
    late = hold(scene, dana)
    let_expire(late)
    hold(scene, omar)
    late.refresh_from_db()
    assert late.state == ClaimState.LAPSED
    submit(late)
    question.refresh_from_db()
    assert (question.taken, question.answers.count()) == (2, 1)


def test_a_late_answer_is_refused_in_words_if_somebody_took_the_question(
    scene: Scene, dana: User, omar: User
) -> None:
    scene.ask()
    late = hold(scene, dana)
    let_expire(late)
    taken = hold(scene, omar)
    draft_save(request=late.request, user=dana, body={"improvements": "kept"})
    with pytest.raises(HoldLost, match="somebody else has taken it"):
        submit(late)
    submit(taken)
    with pytest.raises(HoldLost, match="Others have answered"):
        submit(late, "again")
    assert Answer.objects.get().user == omar
    assert draft_load(request=late.request, user=dana) == {"improvements": "kept"}


def test_nobody_answers_what_they_never_held(scene: Scene, dana: User, omar: User) -> None:
    scene.ask(wanted=2)
    taken = hold(scene, dana)
    with pytest.raises(HoldLost):
        answer_submit(request=taken.request, user=omar, fence=taken.fence, client_key="k", body=GOOD)
    with pytest.raises(HoldLost):
        submit(taken, fence=taken.fence + 1)


def test_what_was_put_off_in_one_tab_can_be_sent_from_another(scene: Scene, dana: User) -> None:
    question = scene.ask()
    taken = hold(scene, dana)
    claim_release(request=question, user=dana, fence=taken.fence)
    submit(taken)
    question.refresh_from_db()
    assert (question.state, question.taken) == (RequestState.ANSWERED, 1)


def test_an_answer_to_a_cancelled_run_is_stored_and_wakes_nobody(scene: Scene, dana: User) -> None:
    question = scene.ask()
    taken = hold(scene, dana)
    requests_withdraw(run=scene.run)
    stored = submit(taken)
    question.item.refresh_from_db()
    stored.request.refresh_from_db()
    assert stored.request.state == RequestState.WITHDRAWN
    assert question.item.state == WorkState.WAITING


def test_a_draft_is_kept_until_the_answer(scene: Scene, dana: User) -> None:
    question = scene.ask()
    taken = hold(scene, dana)
    for text in ("Say", "Say when\x00"):
        draft_save(request=question, user=dana, body={"score": "2", "improvements": text})
    assert draft_load(request=question, user=dana) == {"score": "2", "improvements": "Say when"}
    submit(taken)
    draft_save(request=question, user=dana, body={"improvements": "sent before the answer, arrived after it"})
    assert draft_load(request=question, user=dana) == {}


def test_a_draft_has_a_limit(scene: Scene, dana: User) -> None:
    question = scene.ask()
    with pytest.raises(FeedbackError, match="Shorten it"):
        draft_save(request=question, user=dana, body={"improvements": "x" * 70_000})
