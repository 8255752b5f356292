"""What was passed on can be taken back while nobody else has taken it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from optimization.feedback.ahead import reservations_of
from optimization.feedback.errors import HoldLost
from optimization.feedback.services import (
    answer_submit,
    claim_ahead,
    claim_next,
    claim_renew,
    request_skip,
    requests_withdraw,
    skip_undo,
)
from optimization.feedback.skips import skips_of
from optimization.models import Answer, Claim, FeedbackRequest, Skip
from tests.feedback.scene import GOOD, Scene, rubric


def held(scene: Scene, user: User) -> Claim:
    taken = claim_next(workspace=scene.workspace, user=user)
    assert taken is not None
    return taken


@pytest.fixture
def passed_on(scene: Scene, dana: User) -> FeedbackRequest:
    """The first of two questions, which Dana has passed on; she holds the second."""
    first = scene.ask(rubric("First"))
    scene.ask(rubric("Second"))
    held(scene, dana)
    request_skip(request=first, user=dana, reason="Not my language")
    held(scene, dana)
    return first


def test_it_comes_first_and_what_was_in_hand_after_it(
    scene: Scene, dana: User, passed_on: FeedbackRequest
) -> None:
    claim = skip_undo(request=passed_on, user=dana)
    assert held(scene, dana) == claim
    following = claim_ahead(workspace=scene.workspace, user=dana)
    assert following
    assert following.request.question["output"] == "Second"
    answer_submit(request=passed_on, user=dana, fence=claim.fence, client_key="k", body=GOOD)
    assert held(scene, dana) == following
    assert not Skip.objects.exists()


def test_taking_back_two_keeps_their_order(scene: Scene, dana: User, passed_on: FeedbackRequest) -> None:
    third = scene.ask(rubric("Third"))
    claim_ahead(workspace=scene.workspace, user=dana)
    second = held(scene, dana).request
    request_skip(request=second, user=dana)
    skip_undo(request=second, user=dana)
    skip_undo(request=passed_on, user=dana)
    order = [claim.request for claim in reservations_of(dana.pk, scene.workspace.pk)]
    assert order == [passed_on, second, third]


def test_what_was_taken_back_is_not_said_to_be_put_off(
    client: Client, scene: Scene, dana: User, passed_on: FeedbackRequest
) -> None:
    client.force_login(dana)
    skip_undo(request=passed_on, user=dana)
    html = client.get("/judge/").content.decode()
    assert "First" in html
    assert "you put off" not in html


def test_the_hold_before_the_skip_answers_no_more(dana: User, scene: Scene) -> None:
    first = scene.ask()
    before = held(scene, dana).fence
    request_skip(request=first, user=dana)
    assert skip_undo(request=first, user=dana).fence != before
    with pytest.raises(HoldLost):
        claim_renew(request=first, user=dana, fence=before)


def test_taking_it_back_takes_one_place(dana: User, passed_on: FeedbackRequest) -> None:
    skip_undo(request=passed_on, user=dana)
    with pytest.raises(HoldLost):
        skip_undo(request=passed_on, user=dana)
    passed_on.refresh_from_db()
    assert passed_on.taken == 1


def test_others_who_took_it_keep_it(scene: Scene, dana: User, omar: User, passed_on: FeedbackRequest) -> None:
    assert held(scene, omar).request == passed_on
    with pytest.raises(HoldLost, match="Others have taken or answered"):
        skip_undo(request=passed_on, user=dana)
    assert Skip.objects.exists()
    assert not skips_of(workspace=scene.workspace, user=dana).exists()


def test_a_cancelled_runs_question_stays_passed_on(
    scene: Scene, dana: User, passed_on: FeedbackRequest
) -> None:
    requests_withdraw(run=scene.run)
    with pytest.raises(HoldLost):
        skip_undo(request=passed_on, user=dana)


def test_nobody_takes_back_what_they_did_not_pass_on(
    scene: Scene, omar: User, passed_on: FeedbackRequest
) -> None:
    with pytest.raises(HoldLost, match="You have not passed this question on"):
        skip_undo(request=passed_on, user=omar)


@pytest.fixture
def desk(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


def test_undo_without_scripts_leads_back_to_it(desk: Client, passed_on: FeedbackRequest) -> None:
    page = desk.post("/judge/undo/", follow=True)
    assert page.redirect_chain == [("/judge/", 302)]
    html = page.content.decode()
    assert "It is yours again." in html
    assert "First" in html


def test_undo_goes_by_what_was_done_last(
    desk: Client, scene: Scene, dana: User, passed_on: FeedbackRequest
) -> None:
    taken = held(scene, dana)
    answer_submit(request=taken.request, user=dana, fence=taken.fence, client_key="k", body=GOOD)
    page = desk.post("/judge/undo/", follow=True)
    assert page.redirect_chain == [(f"/answers/{Answer.objects.get().pk}/", 302)]


def test_ones_own_answers_list_what_can_be_taken_back(desk: Client, passed_on: FeedbackRequest) -> None:
    html = desk.get("/answers/").content.decode()
    assert "Not my language" in html
    page = desk.post(f"/judge/{passed_on.pk}/take-back/", follow=True)
    assert "First" in page.content.decode()
    assert "Not my language" not in desk.get("/answers/").content.decode()


def test_with_nothing_done_there_is_nothing_to_undo(desk: Client, scene: Scene) -> None:
    assert "There is nothing to undo yet." in desk.post("/judge/undo/", follow=True).content.decode()
