"""Invitations by link: shown once, stored as a digest, for a role, so many places and so many days."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from optimization.accounts.errors import AccountError
from optimization.accounts.services import member_add
from optimization.models import Invitation, Membership, Role, Workspace

LONGEST_DAYS = 90
MOST_PLACES = 200


def invitation_create(
    *, workspace: Workspace, user: User, role: str, places: int = 1, days: int = 7, note: str = ""
) -> tuple[Invitation, str]:
    """A new invitation and its secret, which is shown now and never again. Nobody is invited as an admin."""
    if role not in Role.values or role == Role.ADMIN:
        raise AccountError("An invitation is for a viewer, an annotator or an operator.", field="role")
    if not 1 <= places <= MOST_PLACES:
        raise AccountError(f"An invitation is for 1 to {MOST_PLACES} people.", field="places")
    if not 1 <= days <= LONGEST_DAYS:
        raise AccountError(f"An invitation lasts 1 to {LONGEST_DAYS} days.", field="days")
    secret = secrets.token_urlsafe(24)
    invitation = Invitation.objects.create(
        workspace=workspace,
        role=role,
        note=note.strip()[:120],
        digest=_digest(secret),
        places=places,
        created_by=user,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return invitation, secret


def invitation_found(secret: str) -> Invitation | None:
    """The invitation, if it is good and has a place left."""
    return invitations_open().select_related("workspace", "created_by").filter(digest=_digest(secret)).first()


def invitations_open() -> QuerySet[Invitation]:
    return Invitation.objects.filter(revoked_at=None, expires_at__gt=timezone.now(), places__gt=0)


@transaction.atomic
def invitation_accept(*, secret: str, username: str, password: str, email: str = "") -> Membership:
    """A new person joins. Raises AccountError for a link that is over, a name that is taken, a weak password."""
    taken = invitations_open().filter(digest=_digest(secret)).update(places=F("places") - 1)
    if not taken:
        raise AccountError("This invitation is over or full: ask whoever sent it for a new one.")
    if User.objects.filter(username=username).exists():
        raise AccountError("This name is taken: choose another one.", field="username")
    invitation = Invitation.objects.select_related("workspace").get(digest=_digest(secret))
    member, _ = member_add(
        workspace=invitation.workspace, username=username, role=invitation.role, password=password
    )
    if email:
        User.objects.filter(pk=member.user_id).update(email=email)
    return member


def invitation_revoke(*, invitation: Invitation) -> None:
    Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=timezone.now())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
