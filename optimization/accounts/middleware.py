"""Gives each page its workspace: `request.membership` and `request.workspace`, None for strangers."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponseBase

from optimization.accounts.selectors import SESSION_WORKSPACE, membership_of
from optimization.models import Membership, Workspace


class Visit(HttpRequest):
    """What the middleware leaves on a request."""

    membership: Membership | None
    workspace: Workspace | None


class WorkspaceRequest(HttpRequest):
    """What a page that passed `requires` is given."""

    membership: Membership
    workspace: Workspace


class WorkspaceMiddleware:
    """Reads the signed-in user's membership: of the workspace chosen in the session, else of the first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        membership = membership_of(request.user, request.session.get(SESSION_WORKSPACE))
        visit = cast(Visit, request)
        visit.membership = membership
        visit.workspace = membership.workspace if membership else None
        return self.get_response(request)
