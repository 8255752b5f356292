"""Invitations by link: for a role, so many places and so many days; and what a digest's switch does."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from optimization.accounts.errors import AccountError
from optimization.accounts.invitations import invitation_accept, invitation_create
from optimization.models import FeedbackRequest, Invitation, Membership, Panel, Workspace
from tests.feedback.scene import Scene

PASSWORD = "lamp-on-the-hill-7"


@pytest.fixture
def invited(workspace: Workspace, members: dict[str, Membership]) -> str:
    _, secret = invitation_create(workspace=workspace, user=members["admin"].user, role="annotator", places=2)
    return secret


def test_the_page_gives_a_link_by_which_two_come_in_and_no_third(
    workspace: Workspace, members: dict[str, Membership]
) -> None:
    admin = Client()
    admin.force_login(members["admin"].user)
    shown = admin.post("/people/invitations/", {"role": "annotator", "places": 2, "days": 3}).content.decode()
    link = re.search(r"http://testserver(/join/[^<]+)<", shown)
    assert link
    for name in ("ann", "ben"):
        guest = Client()
        assert f"Join {workspace}" in guest.get(link[1]).content.decode()
        done = guest.post(link[1], {"username": name, "password": PASSWORD, "email": f"{name}@example.org"})
        assert done.headers["Location"] == "/judge/"
        assert guest.get("/judge/").status_code == 200
    assert Client().get(link[1]).status_code == 404
    assert Membership.objects.get(user__username="ann").role == "annotator"
    assert link[1].split("/")[2] not in str(Invitation.objects.values())


def test_a_taken_name_costs_no_place(invited: str, members: dict[str, Membership]) -> None:
    for wrong in ({"username": "viewer", "password": PASSWORD}, {"username": "new", "password": "short"}):
        with pytest.raises(AccountError):
            invitation_accept(secret=invited, **wrong)
    assert Invitation.objects.get().places == 2
    assert not User.objects.filter(username="new").exists()


def test_one_that_is_over_lets_nobody_in(invited: str) -> None:
    Invitation.objects.update(expires_at=timezone.now())
    with pytest.raises(AccountError, match="over or full"):
        invitation_accept(secret=invited, username="ann", password=PASSWORD)


def test_nobody_is_invited_as_admin(workspace: Workspace, members: dict[str, Membership]) -> None:
    with pytest.raises(AccountError):
        invitation_create(workspace=workspace, user=members["admin"].user, role="admin")


def test_everybody_has_a_switch_of_their_own(members: dict[str, Membership]) -> None:
    client = Client()
    client.force_login(members["annotator"].user)
    client.post("/people/mail/", {"email": "ann@example.org"})
    members["annotator"].refresh_from_db()
    assert (members["annotator"].mail_digest, members["annotator"].user.email) == (False, "ann@example.org")


def test_what_waited_for_a_dissolved_panel_waits_for_everybody(
    workspace: Workspace, members: dict[str, Membership]
) -> None:
    operator = Client()
    operator.force_login(members["operator"].user)
    operator.post("/people/panels/", {"name": "Experts", "members": [members["annotator"].user_id]})
    panel = Panel.objects.get()
    assert list(panel.members.all()) == [members["annotator"].user]
    scene = Scene.make("Elsewhere")
    scene.run.workspace = workspace
    scene.run.save()
    scene.ask(lane=f"panel:{panel.pk}")
    operator.post(f"/people/panels/{panel.pk}/end/")
    assert FeedbackRequest.objects.get().lane == "people"
