"""Reads: whose membership counts, and who the members of a workspace are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import QuerySet

from optimization.accounts.permissions import Action, roles_with
from optimization.models import ApiToken, Membership, Workspace
from optimization.models.prepared import Prepared

SESSION_WORKSPACE = "workspace"
"""The session's key for the id of the workspace that its user has chosen."""
_REMEMBERED = "_memberships_when_read"
_MEMBERSHIPS: Prepared[Membership] = Prepared(
    lambda user: Membership.objects.filter(user=user).select_related("workspace", "user").order_by("pk"),
    "user",
)


def membership_of(
    user: AbstractBaseUser | AnonymousUser, workspace_id: int | None = None
) -> Membership | None:
    """The user's membership of that workspace; of their first one where none is chosen or the choice is void."""
    if not user.is_authenticated or user.pk is None:
        return None
    known = getattr(user, _REMEMBERED, None)
    rows = {row.workspace_id: row for row in (memberships_of(user.pk) if known is None else known)}
    return rows.get(workspace_id or 0) or next(iter(rows.values()), None)


def memberships_of(user_id: int) -> list[Membership]:
    """With their workspaces and the user, the first one first."""
    return _MEMBERSHIPS(user=user_id)


def memberships_remember(user: User, memberships: list[Membership]) -> None:
    """For the one request for which `user` was read."""
    setattr(user, _REMEMBERED, memberships)


def members_of(workspace: Workspace) -> QuerySet[Membership]:
    return workspace.memberships.select_related("user").order_by("user__username")


def people_who(workspace: Workspace, may: Action) -> QuerySet[User]:
    """The people of a workspace who may do something, by name; its rehearsal colleagues are none."""
    members = workspace.memberships.filter(is_rehearsal=False, role__in=roles_with(may))
    return User.objects.filter(pk__in=members.values("user"), is_active=True).order_by("username")


def tokens_of(membership: Membership) -> QuerySet[ApiToken]:
    """The member's tokens here that are not revoked, the newest first."""
    return ApiToken.objects.filter(
        workspace=membership.workspace, user=membership.user, revoked_at=None
    ).order_by("-pk")


def socket_membership(scope: dict[str, Any]) -> Membership | None:
    """The member behind a websocket, from its session. Sync: consumers call it in `database_sync_to_async`."""
    session = scope.get("session")
    user = scope.get("user")
    if user is None:
        return None
    return membership_of(user, session.get(SESSION_WORKSPACE) if session else None)
