"""The next question is reserved while one is judged, softly: nobody goes without for it, and nobody meets it twice."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from optimization.feedback import claims
from optimization.feedback.counts import queue_counts
from optimization.feedback.errors import HoldLost
from optimization.feedback.services import (
    answer_submit,
    claim_ahead,
    claim_next,
    claim_release,
    claim_renew,
)
from optimization.models import Claim, ClaimState
from tests.feedback.scene import GOOD, Scene, let_expire, rubric


def take(scene: Scene, user: User) -> Claim:
    taken = claim_next(workspace=scene.workspace, user=user)
    assert taken is not None
    return taken


def reserve(scene: Scene, user: User) -> Claim:
    reserved = claim_ahead(workspace=scene.workspace, user=user)
    assert reserved is not None
    return reserved


def answer(claim: Claim) -> None:
    answer_submit(
        request=claim.request, user=claim.user, fence=claim.fence, client_key=str(claim.pk), body=GOOD
    )


def test_what_is_reserved_comes_next_under_the_same_fence(scene: Scene, dana: User) -> None:
    for _ in range(3):
        scene.ask()
    first, reserved = take(scene, dana), reserve(scene, dana)
    assert reserve(scene, dana) == reserved
    assert take(scene, dana) == first
    assert queue_counts(scene.member(dana)).waiting == 2
    answer(first)
    following = take(scene, dana)
    assert (following, following.fence, following.ahead) == (reserved, reserved.fence, False)


def test_of_two_reserved_ones_the_second_comes_where_the_first_is_taken_in_this_moment(
    scene: Scene, dana: User, omar: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is reserved by another person, too."""
    scene.ask()
    scene.ask(wanted=2)
    first, second = take(scene, dana), reserve(scene, dana)
    scene.ask()
    take(scene, omar)
    Claim.objects.filter(request=second.request, user=omar).update(ahead=True)
    keep = claims._keep

    def lost(claim: Claim, now: datetime) -> Claim | None:
        return None if claim.pk == first.pk else keep(claim, now)

    monkeypatch.setattr(claims, "_keep", lost)
    assert take(scene, dana) == second
    monkeypatch.setattr(claims, "_keep", lambda claim, now: None)
    Claim.objects.filter(user=omar).exclude(request=second.request).delete()
    taken = claim_next(workspace=scene.workspace, user=dana)
    assert taken is None or taken.request not in {first.request, second.request}
    second.request.refresh_from_db()
    assert second.request.taken == 2


def test_one_is_reserved_for_others_only_while_there_are_more(scene: Scene, dana: User, omar: User) -> None:
    scene.ask()
    scene.ask()
    first, reserved = take(scene, dana), reserve(scene, dana)
    taken = take(scene, omar)
    assert taken.request == reserved.request
    reserved.refresh_from_db()
    assert reserved.state == ClaimState.LAPSED
    taken.request.refresh_from_db()
    assert (taken.request.taken, taken.fence) == (1, reserved.fence + 1)
    assert claim_next(workspace=scene.workspace, user=scene.person("ines")) is None
    answer(first)
    assert claim_next(workspace=scene.workspace, user=dana) is None
    with pytest.raises(HoldLost, match="somebody else has taken it"):
        answer(reserved)


def test_a_reservation_lives_as_long_as_the_hold_before_it(scene: Scene, dana: User, omar: User) -> None:
    scene.ask()
    scene.ask()
    first, reserved = take(scene, dana), reserve(scene, dana)
    Claim.objects.filter(pk=reserved.pk).update(expires_at=first.created_at)
    renewed = claim_renew(request=first.request, user=dana, fence=first.fence)
    reserved.refresh_from_db()
    assert reserved.expires_at == renewed.expires_at
    let_expire(first)
    let_expire(reserved)
    assert {take(scene, omar).request, take(scene, scene.person("ines")).request} == {
        first.request,
        reserved.request,
    }


def test_nothing_is_reserved_for_somebody_with_empty_hands(scene: Scene, dana: User) -> None:
    scene.ask(wanted=2)
    assert claim_ahead(workspace=scene.workspace, user=dana) is None
    held = take(scene, dana)
    assert claim_ahead(workspace=scene.workspace, user=dana) is None
    claim_release(request=held.request, user=dana, fence=held.fence)
    assert take(scene, dana).request == held.request


def test_what_the_browser_has_is_not_sent_again(client: Client, scene: Scene, dana: User) -> None:
    for text in ("The first", "The second"):
        scene.ask(rubric(text))
    client.force_login(dana)
    client.get("/judge/")
    ahead = client.get("/judge/ahead/", headers={"HX-Request": "true"})
    assert "The second" in ahead.content.decode()
    held = Claim.objects.get(ahead=False)
    sent = {"fence": held.fence, "client_key": "k", "score": "5"}
    reply = client.post(
        f"/judge/{held.request_id}/answer/",
        sent,
        headers={"HX-Request": "true", "Desk-Ahead": ahead.headers["Desk-Ahead"]},
    )
    assert reply.headers["Desk-Ahead"] == ahead.headers["Desk-Ahead"]
    assert 'id="counts"' in reply.content.decode()
    assert "The second" not in reply.content.decode()
    assert client.get("/judge/ahead/", headers={"HX-Request": "true"}).status_code == 204


def test_three_are_reserved_in_their_order_and_no_more(scene: Scene, dana: User) -> None:
    asked = [scene.ask() for _ in range(6)]
    take(scene, dana)
    assert claim_ahead(workspace=scene.workspace, user=dana, place=2) is None
    ahead = [claim_ahead(workspace=scene.workspace, user=dana, place=place) for place in (1, 2, 3, 4)]
    assert [one.request if one else None for one in ahead] == [*asked[1:4], None]
    assert claim_ahead(workspace=scene.workspace, user=dana, place=2) == ahead[1]


def test_one_that_was_taken_over_is_passed_by(scene: Scene, dana: User, omar: User) -> None:
    asked = [scene.ask() for _ in range(3)]
    first = take(scene, dana)
    for place in (1, 2):
        claim_ahead(workspace=scene.workspace, user=dana, place=place)
    assert take(scene, omar).request == asked[1]
    answer_submit(request=first.request, user=dana, fence=first.fence, client_key="k", body=GOOD)
    assert take(scene, dana).request == asked[2]


def test_the_page_is_told_which_of_what_it_has_comes_next(client: Client, scene: Scene, dana: User) -> None:
    for number in range(4):
        scene.ask(rubric(f"Reply {number}"))
    client.force_login(dana)
    client.get("/judge/")
    names: list[str] = []
    for number in (1, 2, 3):
        sent = {"HX-Request": "true", "Desk-Ahead": " ".join(names)}
        reply = client.get("/judge/ahead/", headers=sent)
        assert f"Reply {number}" in reply.content.decode()
        names.append(reply["Desk-Ahead"])
    full = client.get("/judge/ahead/", headers={"HX-Request": "true", "Desk-Ahead": " ".join(names)})
    assert full.status_code == 204
