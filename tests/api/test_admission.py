"""Who gets in: tokens by scope, sessions with a CSRF token, nobody into another workspace."""

import pytest
from django.test import Client

from optimization.accounts.services import member_add, workspace_create
from optimization.accounts.tokens import token_create
from optimization.catalog.endpoints import endpoint_create
from optimization.models import Membership
from tests.api.conftest import As, Caller

Members = dict[str, Membership]


def caller(member: Membership, *scopes: str) -> Caller:
    return Caller(token_create(workspace=member.workspace, user=member.user, name="t", scopes=scopes)[1])


def test_nobody_is_told_how_to_come_in(db: None) -> None:
    response = Client().get("/api/v1/runs")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert "API token" in response.json()["detail"]


def test_a_token_does_what_its_scopes_and_its_role_allow(members: Members) -> None:
    script = caller(members["operator"], "programs:read")
    assert script.get("/programs").status_code == 200
    refused = script.get("/datasets")
    assert refused.status_code == 403
    assert "lacks the scope datasets:read" in refused.json()["detail"]


def test_a_lowered_role_takes_its_tokens_along(members: Members) -> None:
    script = caller(members["operator"], "programs:read", "members:read")
    Membership.objects.filter(pk=members["operator"].pk).update(role="viewer")
    assert script.get("/programs").status_code == 200
    refused = script.get("/members")
    assert refused.status_code == 403
    assert "operator or admin; yours in Support team is viewer" in refused.json()["detail"]


def test_a_bad_token_is_nobody_even_beside_a_good_session(members: Members) -> None:
    client = Client()
    client.force_login(members["admin"].user)
    assert client.get("/api/v1/me").status_code == 200
    assert client.get("/api/v1/me", headers={"Authorization": "Bearer hg_wrong"}).status_code == 401
    assert client.get("/api/v1/me", headers={"Authorization": "Basic abc"}).status_code == 401


def test_a_session_changes_nothing_without_the_csrf_token(members: Members) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(members["admin"].user)
    body = {"name": "t", "scopes": ["runs:read"]}
    refused = client.post("/api/v1/tokens", body, content_type="application/json")
    assert refused.status_code == 403
    assert "X-CSRFToken" in refused.json()["detail"]
    client.get("/api/v1/docs")
    good = {"X-CSRFToken": client.cookies["csrftoken"].value}
    assert (
        client.post("/api/v1/tokens", body, content_type="application/json", headers=good).status_code == 201
    )


def test_a_token_needs_no_csrf_token(as_role: As) -> None:
    client = Client(enforce_csrf_checks=True)
    headers = {"Authorization": f"Bearer {as_role('viewer').token}"}
    body = {"name": "t", "scopes": ["runs:read"]}
    assert (
        client.post("/api/v1/tokens", body, content_type="application/json", headers=headers).status_code
        == 201
    )


@pytest.fixture
def foreign(db: None) -> Membership:
    return member_add(workspace=workspace_create(name="Other"), username="somebody", role="admin")[0]


@pytest.mark.parametrize("verb", ["GET", "PATCH", "DELETE"])
def test_what_belongs_to_another_workspace_is_not_there(as_role: As, foreign, verb) -> None:
    theirs = endpoint_create(workspace=foreign.workspace, name="default", model="m")
    response = as_role("admin").send(verb, f"/endpoints/{theirs.pk}", {} if verb == "PATCH" else None)
    assert response.status_code == 404
    assert response.json()["detail"] == f"There is no endpoint {theirs.pk} in this workspace."
    theirs.refresh_from_db()


def test_lists_show_the_own_workspace_alone(as_role: As, foreign: Membership) -> None:
    endpoint_create(workspace=foreign.workspace, name="default", model="m")
    assert as_role("admin").get("/endpoints").json() == {"items": [], "next": None}
    names = [member["username"] for member in as_role("admin").get("/members").json()["items"]]
    assert "somebody" not in names


def test_me_tells_what_the_caller_may(members: Members) -> None:
    script = caller(members["annotator"], "feedback:answer")
    assert script.get("/me").json() == {
        "username": "annotator",
        "role": "annotator",
        "workspace": "support-team",
        "is_rehearsal": False,
        "actions": ["feedback:answer"],
    }
