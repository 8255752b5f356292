"""Who asks, and may they: a token's or a session's member, held against the route's action.

1. An Authorization header is the whole truth: a token that is not good is nobody, whatever the session says.
2. Without one, the session of a signed-in browser counts, and what changes something needs Django's CSRF token.
3. The member's role must grant the route's action, and so must the token's scopes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from optimization.accounts.middleware import Visit
from optimization.accounts.permissions import Action, member_may, roles_with
from optimization.accounts.tokens import token_authenticate
from optimization.api.problems import Refusal
from optimization.models import ApiToken, Membership, Workspace
from optimization.models.prepared import Prepared

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
_MEMBER: Prepared[Membership] = Prepared(
    lambda workspace, user: Membership.objects.select_related("workspace", "user").filter(
        workspace=workspace, user=user
    ),
    *("workspace", "user"),
)


@dataclass(frozen=True)
class Principal:
    """The member who asks; `token` is the one that speaks for them, None for a session."""

    membership: Membership
    token: ApiToken | None = None

    @property
    def workspace(self) -> Workspace:
        return self.membership.workspace

    @property
    def user(self) -> User:
        return self.membership.user

    @property
    def scopes(self) -> list[str] | None:
        return None if self.token is None else list(self.token.scopes)

    def may(self, action: Action) -> bool:
        return member_may(self.membership, action, self.scopes)

    def actions(self) -> list[Action]:
        return [action for action in Action if self.may(action)]


class ApiRequest(HttpRequest):
    """What a route is given once it has let somebody in."""

    auth: Principal


def principal_of(request: HttpRequest) -> Principal | None:
    """Found once a request. Raises Refusal for a session's request that lacks the CSRF token."""
    if not hasattr(request, "_principal"):
        vars(request)["_principal"] = (
            _of_token(request) if "Authorization" in request.headers else _of_session(request)
        )
    return cast("Principal | None", vars(request)["_principal"])


class TokenAuth(HttpBearer):
    """A token in the Authorization header."""

    def __init__(self, action: Action | None = None) -> None:
        super().__init__()
        self.action = action

    def authenticate(self, request: HttpRequest, token: str) -> Principal | None:
        return admit(request, self.action)


class SessionAuth(APIKeyCookie):
    """The session of a browser that is signed in."""

    param_name = "sessionid"

    def __init__(self, action: Action | None = None) -> None:
        super().__init__()
        self.action = action

    def __call__(self, request: HttpRequest) -> Principal | None:
        return None if "Authorization" in request.headers else admit(request, self.action)

    def authenticate(self, request: HttpRequest, key: str | None) -> Principal | None:
        return admit(request, self.action)


def admit(request: HttpRequest, action: Action | None) -> Principal | None:
    """The principal if they may; None if nobody asks (401); raises Refusal (403) for who may not. `action` None admits
    every member."""
    principal = principal_of(request)
    if principal is None or action is None or principal.may(action):
        return principal
    if principal.token is not None and member_may(principal.membership, action):
        raise Refusal(403, f"This token lacks the scope {action}: make one that has it.")
    raise Refusal(
        403,
        f"This needs the role {' or '.join(roles_with(action))}; yours in {principal.workspace} is "
        f"{principal.membership.role}.",
    )


def _of_token(request: HttpRequest) -> Principal | None:
    scheme, _, plain = request.headers["Authorization"].partition(" ")
    token = token_authenticate(plain.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        return None
    membership = _MEMBER.first(workspace=token.workspace_id, user=token.user_id)
    return Principal(membership, token) if membership else None


def _of_session(request: HttpRequest) -> Principal | None:
    membership = cast(Visit, request).membership
    if membership is None:
        return None
    if request.method not in SAFE_METHODS and check_csrf(request):
        raise Refusal(403, "The CSRF token is missing or wrong: send the cookie's value as X-CSRFToken.")
    return Principal(membership)
