"""API tokens: shown once, stored as a digest, scoped, expiring."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from optimization.accounts.errors import AccountError
from optimization.accounts.permissions import Action, role_may
from optimization.models import ApiToken, Membership, Workspace
from optimization.models.prepared import Prepared

PREFIX = "hg_"
_LAST_USED_EVERY = timedelta(minutes=1)


def _alive(digest_text: str) -> QuerySet[ApiToken]:
    unexpired = Q(expires_at=None) | Q(expires_at__gt=Now())
    known = ApiToken.objects.filter(digest=digest_text, revoked_at=None, user__is_active=True)
    return known.filter(unexpired).select_related("user", "workspace")


_ALIVE: Prepared[ApiToken] = Prepared(_alive, "digest_text")


def token_create(
    *,
    workspace: Workspace,
    user: User,
    name: str,
    scopes: Iterable[str],
    expires: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its plain text, which is shown now and never again.

    Raises AccountError for an unknown scope, one that the user's role does not have, or a past expiry.
    """
    membership = Membership.objects.filter(workspace=workspace, user=user).first()
    if membership is None:
        raise AccountError(f"{user} is no member of {workspace}: add them first.", field="user")
    wanted = sorted(set(scopes))
    if not wanted:
        raise AccountError("A token needs a scope, such as runs:read.", field="scopes")
    for scope in wanted:
        if scope not in set(Action):
            raise AccountError(
                f"There is no scope {scope!r}; the scopes are {', '.join(Action)}.", field="scopes"
            )
        if not role_may(membership.role, Action(scope)):
            raise AccountError(f"A token of the role {membership.role} cannot have {scope}.", field="scopes")
    if expires is not None and expires <= timezone.now():
        raise AccountError("The expiry lies in the past: choose a later one.", field="expires_at")
    plain = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        workspace=workspace,
        user=user,
        name=name,
        prefix=plain[:8],
        digest=_digest(plain),
        scopes=wanted,
        expires_at=expires,
    )
    return token, plain


def token_authenticate(plain: str) -> ApiToken | None:
    """The token if it is known, alive and its owner may still sign in."""
    now = timezone.now()
    token = _ALIVE.first(digest_text=_digest(plain))
    if token and (token.last_used_at is None or token.last_used_at < now - _LAST_USED_EVERY):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def token_revoke(*, token: ApiToken) -> ApiToken:
    """End a token now; ending it twice changes nothing."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    token.refresh_from_db()
    return token


def _digest(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()
