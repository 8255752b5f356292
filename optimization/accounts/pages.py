"""How a page says what it needs: `@requires(Action.RUNS_READ)`, or `@open_to_all` where it needs nothing.

Both leave a mark on the view (`required_action`), from which a test knows that no page was forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import View

from optimization.accounts.middleware import Visit, WorkspaceRequest
from optimization.accounts.permissions import Action, member_may, roles_with

MARK = "required_action"
P = ParamSpec("P")
PageView = Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]
AnyView = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def requires(action: Action) -> Callable[[PageView[P]], AnyView[P]]:
    """Lets through members whose role may do `action`; strangers go to the sign-in page, others get a 403."""

    def decorate(view: PageView[P]) -> AnyView[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            refusal = refuse(request, action)
            return refusal or view(cast(WorkspaceRequest, request), *args, **kwargs)

        setattr(guarded, MARK, action)
        return guarded

    return decorate


def open_to_all(view: AnyView[P]) -> AnyView[P]:
    """Marks a page that strangers may see, such as the sign-in page."""
    setattr(view, MARK, None)
    return view


class RequiresAction(View):
    """The same for class-based pages: `required_action = Action.RUNS_READ`."""

    required_action: Action

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return refuse(request, self.required_action) or super().dispatch(request, *args, **kwargs)


def refuse(request: HttpRequest, action: Action) -> HttpResponseBase | None:
    """None if the member may; the way to the sign-in page for a stranger; raises PermissionDenied in words."""
    if not request.user.is_authenticated:
        return _to_sign_in(request)
    membership = cast(Visit, request).membership
    if membership is None:
        raise PermissionDenied("You are not a member of any workspace: ask an admin to add you.")
    if not member_may(membership, action):
        raise PermissionDenied(
            f"This needs the role {' or '.join(roles_with(action))}; yours in {membership.workspace} is {membership.role}."
        )
    return None


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """A redirect; for a fragment fetched by htmx the header that makes it leave the page."""
    redirect = redirect_to_login(request.get_full_path())
    if not getattr(request, "htmx", False):
        return redirect
    response = HttpResponse(status=401)
    response.headers["HX-Redirect"] = redirect_to_login(request.headers.get("HX-Current-URL", "/")).url
    return response
