"""Endpoints over REST: keys go in and never come out; an edit can ask not to overwrite another."""

from optimization.models import Endpoint
from tests.api.conftest import As

KEY = "sk-a-very-secret-key"


def made(as_role: As) -> dict:
    response = as_role("admin").post(
        "/endpoints", {"name": "judge", "model": "m", "api_key": KEY, "input_cost_per_1m": "0.15"}
    )
    assert response.status_code == 201, response.content
    assert response["Location"] == f"/api/v1/endpoints/{response.json()['id']}"
    return response.json()


def test_a_key_is_never_given_back(as_role: As) -> None:
    endpoint = made(as_role)
    assert endpoint["has_key"] is True
    for response in (
        as_role("admin").get("/endpoints"),
        as_role("admin").get(f"/endpoints/{endpoint['id']}"),
        as_role("admin").send("PATCH", f"/endpoints/{endpoint['id']}", {"timeout": 3}),
    ):
        assert response.status_code == 200
        assert KEY not in response.content.decode()
        assert Endpoint.objects.get().api_key_encrypted not in response.content.decode()


def test_an_edit_with_an_old_etag_is_refused(as_role: As) -> None:
    script, path = as_role("admin"), f"/endpoints/{made(as_role)['id']}"
    tag = script.get(path)["ETag"]
    changed = script.send("PATCH", path, {"timeout": 3}, If_Match=tag)
    assert (changed.status_code, changed.json()["timeout"]) == (200, 3)
    assert changed["ETag"] != tag
    assert script.send("PATCH", path, {"timeout": 4}, If_Match=tag).status_code == 412
    assert script.send("PATCH", path, {"timeout": 4}, If_Match="rubbish").status_code == 412
    assert script.send("PATCH", path, {"timeout": 4}, If_Match="*").status_code == 200
    assert script.send("PATCH", path, {"timeout": 5}).status_code == 200


def test_faults_point_to_their_fields(as_role: As) -> None:
    script = as_role("admin")
    refused = script.post("/endpoints", {"name": "j", "model": "m", "base_url": "http://10.1.2.3/v1"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/base_url"
    refused = script.send("PATCH", f"/endpoints/{made(as_role)['id']}", {"timeout": None, "colour": 1})
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["#/colour"]
    refused = script.send("PATCH", f"/endpoints/{Endpoint.objects.get().pk}", {"timeout": None})
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["#/timeout"]


def test_a_test_call_that_fails_is_an_answer_in_words(as_role: As) -> None:
    script = as_role("admin")
    body = {"name": "gone", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    endpoint = script.post("/endpoints", body).json()
    tried = as_role("operator").post(f"/endpoints/{endpoint['id']}/test")
    assert tried.status_code == 200
    assert tried.json()["ok"] is False
    assert "could not be reached" in tried.json()["message"]


def test_a_removed_endpoint_is_gone(as_role: As) -> None:
    path = f"/endpoints/{made(as_role)['id']}"
    assert as_role("admin").send("DELETE", path).status_code == 204
    assert as_role("admin").get(path).status_code == 404
