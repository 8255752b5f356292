"""A page says what it needs; the member's role in the session's workspace decides."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.views import View

from optimization.accounts.middleware import WorkspaceMiddleware, WorkspaceRequest
from optimization.accounts.pages import RequiresAction, open_to_all, requires
from optimization.accounts.permissions import Action
from optimization.accounts.selectors import SESSION_WORKSPACE, socket_membership
from optimization.accounts.services import member_add, workspace_create
from optimization.models import Membership

Members = dict[str, Membership]


@requires(Action.RUNS_WRITE)
def launch(request: WorkspaceRequest) -> HttpResponse:
    return HttpResponse(f"{request.membership.role} in {request.workspace.slug}")


class Launch(RequiresAction, View):
    required_action = Action.RUNS_WRITE

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("launched")


def visit(view, user, session=None, **headers):
    request = RequestFactory().get("/launch/?from=home", headers=headers)
    request.user, request.session = user, session or {}
    request.htmx = bool(headers)
    return WorkspaceMiddleware(view)(request)


def test_a_role_that_may_gets_the_page(members: Members) -> None:
    assert visit(launch, members["operator"].user).content == b"operator in support-team"
    assert visit(Launch.as_view(), members["operator"].user).content == b"launched"


@pytest.mark.parametrize("view", [launch, Launch.as_view()])
def test_a_role_that_may_not_is_told_which_may(members: Members, view) -> None:
    with pytest.raises(PermissionDenied, match="operator or admin; yours in Support team is viewer"):
        visit(view, members["viewer"].user)


def test_a_stranger_goes_to_the_sign_in_page_and_comes_back(db: None) -> None:
    answer = visit(launch, AnonymousUser())
    assert answer.status_code == 302
    assert answer["Location"] == "/sign-in/?next=/launch/%3Ffrom%3Dhome"


def test_a_fragment_fetched_by_a_stranger_leads_the_page_to_the_sign_in(db: None) -> None:
    answer = visit(launch, AnonymousUser(), HX_Current_URL="/runs/")
    assert answer.status_code == 401
    assert answer["HX-Redirect"].startswith("/sign-in/")


def test_somebody_of_no_workspace_is_told_whom_to_ask(db: None) -> None:
    with pytest.raises(PermissionDenied, match="ask an admin"):
        visit(launch, User.objects.create_user("lost"))


def test_the_workspace_chosen_in_the_session_counts(members: Members) -> None:
    other = workspace_create(name="Other")
    member_add(workspace=other, username="viewer", role="admin")
    user = members["viewer"].user
    assert visit(launch, user, {SESSION_WORKSPACE: other.pk}).content == b"admin in other"


def test_a_workspace_that_the_user_is_not_in_cannot_be_chosen(members: Members) -> None:
    foreign = workspace_create(name="Foreign")
    user = members["operator"].user
    assert visit(launch, user, {SESSION_WORKSPACE: foreign.pk}).content == b"operator in support-team"


def test_a_view_carries_what_it_requires() -> None:
    assert launch.required_action == Action.RUNS_WRITE
    assert open_to_all(lambda request: HttpResponse()).required_action is None


def test_a_socket_has_the_membership_of_its_session(members: Members) -> None:
    assert socket_membership({"user": members["viewer"].user, "session": {}}) == members["viewer"]
    assert socket_membership({"user": AnonymousUser(), "session": {}}) is None
    assert socket_membership({}) is None
