"""A link invites as many as it has places, until it ends, and is never stored or logged as it is."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import structlog
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from optimization.accounts.errors import AccountError
from optimization.accounts.invitations import invitation_accept, invitation_create, invitation_found
from optimization.models import Invitation, Membership, Role, Workspace

Members = dict[str, Membership]


def invite(members: Members, **changes: object) -> str:
    admin = members["admin"]
    terms = {"role": Role.ANNOTATOR, "places": 1, **changes}
    _, secret = invitation_create(workspace=admin.workspace, created_by=admin.user, **terms)
    return secret


def test_who_follows_the_link_joins_and_is_signed_in(members: Members) -> None:
    admin, stranger = Client(), Client()
    admin.force_login(members["admin"].user)
    made = admin.post("/people/invitations/", {"role": "annotator", "places": "1", "days": "7"})
    link = re.search(r"https?://[^/]+(/join/[\w-]+/)", made.content.decode())
    assert link
    assert "Join" in stranger.get(link[1]).content.decode()
    joined = stranger.post(link[1], {"username": "ines", "password": "a long sentence"})
    assert joined.status_code == 302
    assert stranger.get("/judge/").status_code == 200
    assert Membership.objects.get(user__username="ines").role == Role.ANNOTATOR
    assert Client().get(link[1]).status_code == 404
    assert not Invitation.objects.filter(digest__in=link[1].split("/")).exists()


def test_a_member_of_elsewhere_joins_with_the_account_they_have(members: Members) -> None:
    user = User.objects.create_user("omar")
    Membership.objects.create(workspace=Workspace.objects.create(name="X", slug="x"), user=user, role="admin")
    secret = invite(members, places=2)
    client = Client()
    client.force_login(user)
    assert client.post(f"/join/{secret}/").status_code == 302
    assert client.post(f"/join/{secret}/").status_code == 302
    assert user.memberships.count() == 2
    assert Invitation.objects.get().places == 1
    assert client.get("/judge/").context["request"].workspace == members["admin"].workspace


@pytest.mark.parametrize(
    "end", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now() - timedelta(1)}, {"places": 0}]
)
def test_a_link_that_has_ended_lets_nobody_in(members: Members, end: dict[str, object]) -> None:
    secret = invite(members)
    Invitation.objects.update(**end)
    assert invitation_found(secret) is None
    with pytest.raises(AccountError, match="has ended"):
        invitation_accept(secret=secret, username="ines", password="a long sentence")


def test_a_name_that_is_taken_and_a_weak_password_are_told(members: Members) -> None:
    secret = invite(members)
    taken = Client().post(
        f"/join/{secret}/", {"username": members["viewer"].user.username, "password": "a long sentence"}
    )
    assert "There is an account of this name" in taken.content.decode()
    weak = Client().post(f"/join/{secret}/", {"username": "ines", "password": "12345"})
    assert weak.status_code == 422
    assert Invitation.objects.get().places == 1


def test_nobody_becomes_an_admin_by_a_link(members: Members) -> None:
    with pytest.raises(AccountError, match="viewers, annotators and operators"):
        invite(members, role=Role.ADMIN)


def test_the_secret_is_not_logged(members: Members) -> None:
    with structlog.testing.capture_logs() as logs:
        Client().get("/join/no-such-secret/")
    assert [entry["path"] for entry in logs if entry["event"] == "request"] == ["/join/…"]
