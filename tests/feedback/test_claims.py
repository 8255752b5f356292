"""Who gets which question, and for how long it is theirs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from optimization.feedback.errors import FeedbackError, HoldLost
from optimization.feedback.services import (
    answer_submit,
    claim_next,
    claim_release,
    claim_renew,
    request_skip,
    requests_withdraw,
)
from optimization.models import Audience, Claim, ClaimState, FeedbackRequest
from tests.feedback.scene import GOOD, Scene, let_expire


def claim(scene: Scene, user: User) -> Claim | None:
    return claim_next(workspace=scene.workspace, user=user)


def held(scene: Scene, user: User) -> Claim:
    taken = claim(scene, user)
    assert taken is not None
    return taken


def answer(taken: Claim, key: str = "k") -> None:
    answer_submit(request=taken.request, user=taken.user, fence=taken.fence, client_key=key, body=GOOD)


def test_an_empty_queue_gives_nothing(scene: Scene, dana: User) -> None:
    assert claim(scene, dana) is None


def test_a_claim_lasts_for_the_configured_time(scene: Scene, dana: User, settings) -> None:
    settings.CLAIM_SECONDS = 120
    scene.ask()
    left = held(scene, dana).expires_at - timezone.now()
    assert timedelta(seconds=110) < left < timedelta(seconds=130)


def test_the_highest_priority_comes_first_then_the_oldest(scene: Scene) -> None:
    old, young, urgent = scene.ask(), scene.ask(), scene.ask(priority=2.0)
    order = [held(scene, scene.person(name)).request for name in ("ann", "ben", "cem")]
    assert order == [urgent, old, young]


def test_a_question_for_one_is_never_given_to_two(scene: Scene, dana: User, omar: User) -> None:
    scene.ask()
    assert claim(scene, dana)
    assert claim(scene, omar) is None


def test_a_question_for_three_is_given_to_three(scene: Scene) -> None:
    scene.ask(wanted=3)
    claims = [claim(scene, scene.person(name)) for name in ("ann", "ben", "cem", "dot")]
    assert [bool(taken) for taken in claims] == [True, True, True, False]


def test_every_claim_of_a_question_has_a_fence_of_its_own(scene: Scene) -> None:
    scene.ask(wanted=3)
    assert [held(scene, scene.person(name)).fence for name in ("ann", "ben", "cem")] == [1, 2, 3]


def test_nobody_is_asked_twice(scene: Scene, dana: User) -> None:
    scene.ask(wanted=3)
    answer(held(scene, dana))
    assert claim(scene, dana) is None


def test_a_reload_gives_back_what_the_person_holds(scene: Scene, dana: User) -> None:
    scene.ask()
    scene.ask(priority=9.0)
    first = held(scene, dana)
    scene.ask(priority=99.0)
    assert held(scene, dana) == first


def test_people_and_rehearsal_colleagues_have_questions_of_their_own(scene: Scene, dana: User) -> None:
    colleague = scene.person("rehearsal-1", rehearsal=True)
    for_people, for_rehearsal = scene.ask(), scene.ask(audience=Audience.REHEARSAL)
    assert held(scene, dana).request == for_people
    assert held(scene, colleague).request == for_rehearsal


def test_another_workspace_is_out_of_reach(scene: Scene, dana: User) -> None:
    other = Scene.make("Elsewhere")
    other.ask()
    assert claim(scene, dana) is None
    with pytest.raises(FeedbackError, match="not a member of Elsewhere"):
        claim(other, dana)


def test_an_expired_hold_goes_to_whoever_asks_next(scene: Scene, dana: User, omar: User) -> None:
    scene.ask()
    let_expire(held(scene, dana))
    taken = held(scene, omar)
    assert taken.fence == 2
    assert FeedbackRequest.objects.get().taken == 1


def test_an_expired_hold_that_nobody_took_is_still_its_owners(scene: Scene, dana: User, omar: User) -> None:
    mine = scene.ask()
    scene.ask()
    first = held(scene, dana)
    let_expire(first)
    scene.ask(priority=5.0)
    assert held(scene, omar).request.priority == 5.0
    assert held(scene, dana).request == mine
    first.refresh_from_db()
    assert first.state == ClaimState.ACTIVE


def test_a_heartbeat_keeps_the_hold(scene: Scene, dana: User, omar: User) -> None:
    scene.ask()
    taken = held(scene, dana)
    let_expire(taken)
    renewed = claim_renew(request=taken.request, user=dana, fence=taken.fence)
    assert renewed.expires_at > timezone.now()
    assert claim(scene, omar) is None


def test_a_lapsed_hold_revives_while_its_place_is_free(scene: Scene, dana: User, omar: User) -> None:
    taken_by_nobody = scene.ask(priority=-1)
    lapsed = held(scene, dana)
    let_expire(lapsed)
    scene.ask()
    held(scene, omar)
    claim_renew(request=taken_by_nobody, user=dana, fence=lapsed.fence)
    lapsed.refresh_from_db()
    assert lapsed.state == ClaimState.ACTIVE
    assert FeedbackRequest.objects.get(pk=taken_by_nobody.pk).taken == 1


def test_a_hold_that_somebody_took_over_cannot_be_renewed(scene: Scene, dana: User, omar: User) -> None:
    scene.ask()
    lost = held(scene, dana)
    let_expire(lost)
    held(scene, omar)
    with pytest.raises(HoldLost, match="somebody else has taken it"):
        claim_renew(request=lost.request, user=dana, fence=lost.fence)


def test_a_hold_on_a_cancelled_run_says_so(scene: Scene, dana: User) -> None:
    scene.ask()
    taken = held(scene, dana)
    requests_withdraw(run=scene.run)
    with pytest.raises(HoldLost, match="cancelled"):
        claim_renew(request=taken.request, user=dana, fence=taken.fence)
    assert claim(scene, dana) is None


def test_a_hold_that_became_an_answer_says_so(scene: Scene, dana: User) -> None:
    scene.ask()
    taken = held(scene, dana)
    answer(taken)
    with pytest.raises(HoldLost, match="Your answer to this question is in"):
        claim_renew(request=taken.request, user=dana, fence=taken.fence)


def test_a_hold_is_renewed_under_its_own_fence_alone(scene: Scene, dana: User) -> None:
    scene.ask()
    taken = held(scene, dana)
    with pytest.raises(HoldLost):
        claim_renew(request=taken.request, user=dana, fence=taken.fence + 1)


def test_what_is_put_off_is_free_for_others_and_comes_last_for_its_owner(
    scene: Scene, dana: User, omar: User
) -> None:
    first, second = scene.ask(), scene.ask()
    taken = held(scene, dana)
    claim_release(request=taken.request, user=dana, fence=taken.fence)
    assert held(scene, omar).request == first
    assert held(scene, dana).request == second


def test_what_is_put_off_comes_back_when_nothing_else_waits(scene: Scene, dana: User) -> None:
    only = scene.ask()
    taken = held(scene, dana)
    claim_release(request=taken.request, user=dana, fence=taken.fence)
    assert held(scene, dana).request == only


def test_releasing_twice_frees_one_place(scene: Scene, dana: User, omar: User) -> None:
    question = scene.ask(wanted=2)
    held(scene, omar)
    taken = held(scene, dana)
    for _ in range(2):
        claim_release(request=taken.request, user=dana, fence=taken.fence)
    question.refresh_from_db()
    assert question.taken == 1


def test_what_is_skipped_goes_to_others_and_never_comes_back(scene: Scene, dana: User, omar: User) -> None:
    scene.ask()
    taken = held(scene, dana)
    for _ in range(2):
        skip = request_skip(request=taken.request, user=dana, reason="Not my language")
    assert skip.reason == "Not my language"
    assert claim(scene, dana) is None
    assert held(scene, omar).request == taken.request
