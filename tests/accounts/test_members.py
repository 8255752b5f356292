"""Members come with a role, change it and go; a workspace always keeps an admin."""

import pytest
from django.contrib.auth.models import User

from optimization.accounts.errors import AccountError
from optimization.accounts.services import (
    member_add,
    membership_remove,
    membership_set_role,
    workspace_create,
)
from optimization.models import Membership, Role, Workspace

Members = dict[str, Membership]


def test_a_new_person_gets_a_password_that_works_and_is_told_once(workspace: Workspace) -> None:
    member, password = member_add(workspace=workspace, username="mira", role="annotator")
    assert password
    assert member.user.check_password(password)


def test_a_person_who_exists_keeps_their_password(workspace: Workspace) -> None:
    User.objects.create_user("mira", password="a long old password")
    member, password = member_add(workspace=workspace, username="mira", role="viewer")
    assert password is None
    assert member.user.check_password("a long old password")


def test_the_same_member_twice_is_refused(members: Members, workspace: Workspace) -> None:
    with pytest.raises(AccountError, match="already a member") as refusal:
        member_add(workspace=workspace, username="viewer", role="admin")
    assert refusal.value.field == "username"


def test_an_unknown_role_is_refused_with_the_roles_that_exist(members: Members) -> None:
    with pytest.raises(AccountError, match="viewer, annotator, operator, admin"):
        membership_set_role(membership=members["viewer"], role="owner")


def test_a_weak_password_is_refused(workspace: Workspace) -> None:
    with pytest.raises(AccountError) as refusal:
        member_add(workspace=workspace, username="mira", role="viewer", password="12345")
    assert refusal.value.field == "password"
    assert not User.objects.filter(username="mira").exists()


def test_a_role_can_be_changed(members: Members) -> None:
    membership_set_role(membership=members["viewer"], role="operator")
    assert Membership.objects.get(pk=members["viewer"].pk).role == "operator"


def test_the_last_admin_stays_admin_and_stays(members: Members) -> None:
    with pytest.raises(AccountError, match="last admin"):
        membership_set_role(membership=members["admin"], role=Role.VIEWER)
    with pytest.raises(AccountError, match="last admin"):
        membership_remove(membership=members["admin"])
    membership_set_role(membership=members["operator"], role=Role.ADMIN)
    membership_remove(membership=members["admin"])


def test_workspaces_are_apart(members: Members) -> None:
    other = workspace_create(name="Other")
    member_add(workspace=other, username="admin", role="viewer")
    assert Membership.objects.get(workspace=other).role == "viewer"
