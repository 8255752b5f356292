"""The permission table: what it grants and, above all, what it does not."""

import pytest

from optimization.accounts.permissions import PERMISSIONS, Action, member_may, role_may, roles_with
from optimization.models import Membership, Role


def test_every_role_has_a_row_and_every_action_somebody_who_may() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert all(roles_with(action) for action in Action)


def test_an_unknown_role_and_a_stranger_may_nothing() -> None:
    assert not any(role_may("owner", action) for action in Action)
    assert not any(member_may(None, action) for action in Action)


@pytest.mark.parametrize("action", [Action.RUNS_WRITE, Action.FEEDBACK_ANSWER, Action.MEMBERS_READ])
def test_a_viewer_only_looks(action: Action) -> None:
    assert not role_may(Role.VIEWER, action)


@pytest.mark.parametrize("action", [Action.OUTPUTS_READ, Action.DATASETS_READ, Action.FEEDBACK_READ])
def test_an_annotator_sees_nothing_that_would_end_blind_judging(action: Action) -> None:
    assert not role_may(Role.ANNOTATOR, action)


def test_keys_and_members_are_the_admins_alone() -> None:
    assert roles_with(Action.ENDPOINTS_WRITE) == ["admin"]
    assert roles_with(Action.MEMBERS_WRITE) == ["admin"]


def test_a_token_narrows_what_its_role_may_and_never_widens_it() -> None:
    viewer = Membership(role=Role.VIEWER)
    assert member_may(viewer, Action.RUNS_READ, scopes=["runs:read"])
    assert not member_may(viewer, Action.PROGRAMS_READ, scopes=["runs:read"])
    assert not member_may(viewer, Action.RUNS_WRITE, scopes=["runs:write"])
    assert not member_may(viewer, Action.RUNS_READ, scopes=[])
