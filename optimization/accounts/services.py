"""Writes to workspaces and their members."""

from __future__ import annotations

import secrets

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from optimization.accounts.errors import AccountError
from optimization.models import ApiToken, Membership, Role, Workspace


def workspace_create(*, name: str) -> Workspace:
    """A workspace with a slug of its own; the existing one of that slug if there is one."""
    workspace, _ = Workspace.objects.get_or_create(
        slug=slugify(name)[:50] or "workspace", defaults={"name": name}
    )
    return workspace


@transaction.atomic
def member_add(
    *, workspace: Workspace, username: str, role: str, password: str | None = None
) -> tuple[Membership, str | None]:
    """Adds a person, made with a generated password unless they exist; gives the password if it was made here.

    Raises AccountError for an unknown role, a weak password, or a person who is a member already.
    """
    _known_role(role)
    user = User.objects.filter(username=username).first()
    made: str | None = None
    if user is None:
        made = password or secrets.token_urlsafe(9)
        user = _user_create(username, made)
    elif Membership.objects.filter(workspace=workspace, user=user).exists():
        raise AccountError(
            f"{username} is already a member of {workspace}: change their role instead.", field="username"
        )
    return Membership.objects.create(workspace=workspace, user=user, role=role), made


@transaction.atomic
def membership_set_role(*, membership: Membership, role: str) -> Membership:
    """Raises AccountError for an unknown role, or if the workspace would be left without an admin."""
    _known_role(role)
    if role != Role.ADMIN:
        _another_admin_stays(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    return membership


@transaction.atomic
def membership_remove(*, membership: Membership) -> None:
    """Takes a person out of the workspace and ends their tokens here; what they answered stays."""
    _another_admin_stays(membership)
    ApiToken.objects.filter(
        workspace_id=membership.workspace_id, user_id=membership.user_id, revoked_at=None
    ).update(revoked_at=timezone.now())
    membership.delete()


@transaction.atomic
def mail_set(*, membership: Membership, email: str, digest: bool) -> None:
    """A person's address, which all their workspaces share, and whether this one writes when work waits."""
    User.objects.filter(pk=membership.user_id).update(email=email)
    Membership.objects.filter(pk=membership.pk).update(mail_digest=digest)


def _user_create(username: str, password: str) -> User:
    user = User(username=username)
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        raise AccountError(" ".join(error.messages), field="username") from error
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise AccountError(" ".join(error.messages), field="password") from error
    user.set_password(password)
    user.save()
    return user


def _known_role(role: str) -> None:
    if role not in Role.values:
        raise AccountError(
            f"There is no role {role!r}; the roles are {', '.join(Role.values)}.", field="role"
        )


def _another_admin_stays(membership: Membership) -> None:
    """Locks the workspace, so that two admins who leave at once do not both pass."""
    if membership.role != Role.ADMIN:
        return
    Workspace.objects.select_for_update().get(pk=membership.workspace_id)
    others = Membership.objects.filter(workspace_id=membership.workspace_id, role=Role.ADMIN).exclude(
        pk=membership.pk
    )
    if not others.exists():
        raise AccountError(
            f"{membership.user} is the last admin of {membership.workspace}: make another admin first.",
            field="role",
        )
