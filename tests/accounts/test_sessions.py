"""Whose session it is, read in two statements with each request and remembered by none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from optimization.models import Membership, Role, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    user = User.objects.create_user("dana", password="a long enough one")
    workspace = Workspace.objects.create(name="Desk", slug="desk")
    Membership.objects.create(workspace=workspace, user=user, role=Role.ANNOTATOR)
    return user


@pytest.fixture
def browser(client: Client, member: User) -> Client:
    assert client.login(username="dana", password="a long enough one")
    return client


def test_who_asks_costs_two_statements(browser: Client, django_assert_num_queries) -> None:
    browser.get("/answers/")
    with django_assert_num_queries(2):
        assert browser.get("/nowhere/").status_code == 404


def test_a_session_ends_with_its_time(browser: Client) -> None:
    assert browser.get("/answers/").status_code == 200
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert browser.get("/answers/").status_code == 302


def test_somebody_who_may_not_sign_in_any_more_is_out_at_once(browser: Client, member: User) -> None:
    User.objects.filter(pk=member.pk).update(is_active=False)
    assert browser.get("/answers/").status_code == 302


def test_a_new_password_ends_other_sessions(browser: Client, member: User) -> None:
    member.set_password("another long one")
    member.save()
    assert browser.get("/answers/").status_code == 302


def test_who_is_no_member_any_more_is_told_so(browser: Client, member: User) -> None:
    Membership.objects.filter(user=member).delete()
    assert browser.get("/answers/").status_code == 403
