"""Every error is a problem: what happened, where in the request, and under which id the log has it."""

import pytest

from optimization.api.routers import me
from tests.api.conftest import As


def problem(response, status: int) -> dict:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["title"]
    assert body["request_id"] == response["X-Request-ID"]
    return body


def test_a_wrong_field_is_pointed_to(as_role: As) -> None:
    body = problem(as_role("admin").post("/members", {"username": "", "role": "owner"}), 422)
    assert [fault["pointer"] for fault in body["errors"]] == ["#/username", "#/role"]


def test_a_wrong_query_parameter_is_named(as_role: As) -> None:
    body = problem(as_role("viewer").get("/programs?limit=0&sort=size"), 422)
    assert [fault["parameter"] for fault in body["errors"]] == ["limit", "sort"]
    body = problem(as_role("viewer").get("/programs?search=%00"), 422)
    assert body["errors"][0]["parameter"] == "search"


@pytest.mark.parametrize(
    "body", [b"{", b'{"name": NaN}', b'{"name": "\\u0000"}', b'{"name": "\\ud800"}', b"\xff"]
)
def test_what_is_not_json_is_a_bad_request(as_role: As, body: bytes) -> None:
    assert "JSON" in problem(as_role("admin").post("/members", body), 400)["detail"]


def test_a_missing_body_is_said(as_role: As) -> None:
    assert problem(as_role("admin").post("/members"), 422)["errors"][0]["pointer"] == "#"


def test_a_body_that_is_too_large_is_told_another_way(as_role: As, settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    body = {"name": "t", "rows": [{"a": "b" * 20}]}
    assert "PUT /api/v1/datasets" in problem(as_role("operator").post("/datasets", body), 413)["detail"]
    keyed = as_role("operator").post("/datasets", body, Idempotency_Key="k")
    problem(keyed, 413)


def test_unknown_addresses_and_verbs_are_problems_too(as_role: As) -> None:
    assert "/api/v1/docs" in problem(as_role("viewer").get("/nothing"), 404)["detail"]
    refused = as_role("viewer").send("DELETE", "/programs")
    problem(refused, 405)
    assert set(refused["Allow"].split(", ")) == {"GET", "POST"}


def test_a_fault_of_ours_tells_the_request_id_and_nothing_else(as_role: As, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(me, "tokens_of", fail)
    script = as_role("viewer")
    monkeypatch.setattr("django.core.signals.got_request_exception.send", lambda **_: None)
    body = problem(script.get("/tokens"), 500)
    assert "secret detail" not in str(body)
