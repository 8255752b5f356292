"""Members and tokens over REST."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from optimization.models import Membership
from tests.api.conftest import As, Caller


def test_a_person_is_added_with_a_password_told_once(as_role: As) -> None:
    script = as_role("admin")
    made = script.post("/members", {"username": "mira", "role": "annotator"})
    assert made.status_code == 201
    assert User.objects.get(username="mira").check_password(made.json()["password"])
    assert "password" not in script.get(f"/members/{made.json()['id']}").json()
    again = script.post("/members", {"username": "mira", "role": "viewer"})
    assert again.status_code == 422
    assert again.json()["errors"][0]["pointer"] == "#/username"


def test_a_role_changes_and_a_member_goes(as_role: As, members: dict[str, Membership]) -> None:
    script, path = as_role("admin"), f"/members/{members['viewer'].pk}"
    assert script.send("PATCH", path, {"role": "operator"}).json()["role"] == "operator"
    listed = script.get("/members?role=operator").json()["items"]
    assert {member["username"] for member in listed} == {"operator", "viewer"}
    assert script.send("DELETE", path).status_code == 204
    assert script.get(path).status_code == 404


def test_the_last_admin_cannot_lock_everybody_out(as_role: As, members: dict[str, Membership]) -> None:
    refused = as_role("admin").send("PATCH", f"/members/{members['admin'].pk}", {"role": "viewer"})
    assert refused.status_code == 422
    assert "last admin" in refused.json()["detail"]


def test_a_token_is_made_listed_and_ended(as_role: As) -> None:
    script = as_role("viewer")
    made = script.post("/tokens", {"name": "nightly", "scopes": ["runs:read"]})
    assert made["Cache-Control"] == "no-store"
    nightly = Caller(made.json()["token"])
    assert nightly.get("/runs").status_code == 200
    listed = script.get("/tokens").json()["items"][0]
    assert (listed["name"], listed["prefix"]) == ("nightly", made.json()["token"][:8])
    assert "token" not in listed
    assert script.send("DELETE", f"/tokens/{made.json()['id']}").status_code == 204
    assert nightly.get("/runs").status_code == 401


def test_a_token_hands_on_no_more_than_it_has(as_role: As) -> None:
    until = timezone.now() + timedelta(days=1)
    body = {"name": "t", "scopes": ["runs:read", "tokens:own"], "expires_at": until.isoformat()}
    small = Caller(as_role("operator").post("/tokens", body).json()["token"])
    assert small.post("/tokens", {"name": "u", "scopes": ["runs:write"]}).status_code == 403
    assert small.post("/tokens", {"name": "u", "scopes": ["runs:read"]}).status_code == 403
    assert small.post("/tokens", {**body, "scopes": ["runs:read"]}).status_code == 201


def test_another_members_token_is_not_there(as_role: As) -> None:
    theirs = as_role("viewer").post("/tokens", {"name": "t", "scopes": ["runs:read"]}).json()
    assert as_role("admin").send("DELETE", f"/tokens/{theirs['id']}").status_code == 404
