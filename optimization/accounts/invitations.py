"""Invitations: a link by which people join a workspace by themselves, for as many as it has places, for some days.

The secret is in the link alone and shown once; the database has its digest.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from optimization.accounts.errors import AccountError
from optimization.accounts.services import member_add
from optimization.models import Invitation, Membership, Role, Workspace

LONGEST_DAYS = 90
MOST_PLACES = 500
GONE = "This invitation has ended or its places are taken. Ask whoever sent it for a new one."


def invitation_create(
    *, workspace: Workspace, created_by: User, role: str, places: int = 1, days: int = 7, note: str = ""
) -> tuple[Invitation, str]:
    """An invitation and its secret. Raises AccountError; nobody becomes an admin by a link."""
    if role not in Role.values or role == Role.ADMIN:
        raise AccountError("A link makes viewers, annotators and operators.", field="role")
    if not 1 <= places <= MOST_PLACES:
        raise AccountError(f"A link has 1 to {MOST_PLACES} places.", field="places")
    if not 1 <= days <= LONGEST_DAYS:
        raise AccountError(f"A link holds for 1 to {LONGEST_DAYS} days.", field="days")
    secret = secrets.token_urlsafe(24)
    invitation = Invitation.objects.create(
        workspace=workspace,
        role=role,
        note=note[:120],
        digest=_digest(secret),
        places=places,
        created_by=created_by,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return invitation, secret


def invitations_open(workspace: Workspace) -> QuerySet[Invitation]:
    """Those by which somebody can still join, the newest first."""
    return _alive().filter(workspace=workspace).order_by("-pk")


def invitation_found(secret: str) -> Invitation | None:
    """The invitation of a link, while it holds."""
    return _alive().filter(digest=_digest(secret)).select_related("workspace").first()


def invitation_revoke(*, invitation: Invitation) -> None:
    """Nobody joins by it any more; who has, stays."""
    Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=Now())


@transaction.atomic
def invitation_accept(
    *, secret: str, user: User | None = None, username: str = "", password: str = ""
) -> Membership:
    """Make a person a member: `user`, or somebody new of that name and password. Takes one place, once a person.

    Raises AccountError where the link no longer holds, the name is taken, or the password is weak.
    """
    invitation = _alive().select_for_update().filter(digest=_digest(secret)).first()
    if invitation is None:
        raise AccountError(GONE)
    workspace = invitation.workspace
    if user is None and User.objects.filter(username=username).exists():
        raise AccountError(
            "There is an account of this name. If it is yours, sign in and open the link again.",
            field="username",
        )
    if user and (known := Membership.objects.filter(workspace=workspace, user=user).first()):
        return known
    if user:
        member = Membership.objects.create(workspace=workspace, user=user, role=invitation.role)
    else:
        member, _ = member_add(
            workspace=workspace, username=username, role=invitation.role, password=password
        )
    Invitation.objects.filter(pk=invitation.pk).update(places=F("places") - 1)
    return member


def _alive() -> QuerySet[Invitation]:
    return Invitation.objects.filter(revoked_at=None, places__gt=0, expires_at__gt=Now())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
