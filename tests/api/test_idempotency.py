"""A POST with an Idempotency-Key happens once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from optimization.models import Endpoint, IdempotentResponse, Membership
from tests.api.conftest import As

ENDPOINT = {"name": "judge", "model": "m", "api_key": "sk-secret"}


def test_the_same_request_again_gets_the_stored_answer(as_role: As) -> None:
    script = as_role("admin")
    first = script.post("/endpoints", ENDPOINT, Idempotency_Key="one")
    again = script.post("/endpoints", ENDPOINT, Idempotency_Key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert (again["Location"], again["ETag"]) == (first["Location"], first["ETag"])
    assert Endpoint.objects.count() == 1


def test_another_body_under_the_key_is_refused(as_role: As) -> None:
    script = as_role("admin")
    script.post("/endpoints", ENDPOINT, Idempotency_Key="one")
    other = script.post("/endpoints", {**ENDPOINT, "name": "other"}, Idempotency_Key="one")
    assert other.status_code == 422
    assert "send a new key" in other.json()["detail"]


def test_one_that_is_still_in_flight_is_a_conflict(as_role: As) -> None:
    script = as_role("admin")
    script.post("/endpoints", ENDPOINT, Idempotency_Key="one")
    IdempotentResponse.objects.update(status=None, body=None)
    waiting = script.post("/endpoints", ENDPOINT, Idempotency_Key="one")
    assert waiting.status_code == 409
    assert waiting["Retry-After"] == "2"


def test_one_whose_server_died_is_taken_over(as_role: As) -> None:
    script = as_role("admin")
    script.post("/endpoints", ENDPOINT, Idempotency_Key="one")
    Endpoint.objects.all().delete()
    long_ago = timezone.now() - timedelta(minutes=10)
    IdempotentResponse.objects.update(status=None, body=None, created_at=long_ago)
    assert script.post("/endpoints", ENDPOINT, Idempotency_Key="one").status_code == 201
    assert Endpoint.objects.count() == 1


def test_a_refusal_frees_the_key(as_role: As) -> None:
    script = as_role("admin")
    assert script.post("/endpoints", {"name": "judge"}, Idempotency_Key="one").status_code == 422
    assert script.post("/endpoints", ENDPOINT, Idempotency_Key="one").status_code == 201


def test_what_is_shown_once_is_not_kept(as_role: As) -> None:
    script = as_role("viewer")
    body = {"name": "t", "scopes": ["runs:read"]}
    first = script.post("/tokens", body, Idempotency_Key="one")
    again = script.post("/tokens", body, Idempotency_Key="one")
    assert first.json()["token"].startswith("hg_")
    assert again.json() == {**first.json(), "token": None}
    assert first.json()["token"] not in str(list(IdempotentResponse.objects.values()))


def test_keys_of_different_people_are_apart(as_role: As) -> None:
    body = {"name": "t", "scopes": ["runs:read"]}
    one = as_role("viewer").post("/tokens", body, Idempotency_Key="one")
    two = as_role("admin").post("/tokens", body, Idempotency_Key="one")
    assert one.json()["id"] != two.json()["id"]


def test_who_may_no_longer_is_not_replayed_to(as_role: As, members: dict[str, Membership]) -> None:
    script = as_role("admin")
    script.post("/endpoints", ENDPOINT, Idempotency_Key="one")
    Membership.objects.filter(pk=members["admin"].pk).update(role="viewer")
    assert script.post("/endpoints", ENDPOINT, Idempotency_Key="one").status_code == 403


@pytest.mark.parametrize("key", ["k" * 201, "a\tb"])
def test_an_unusable_key_is_refused(as_role: As, key: str) -> None:
    assert as_role("admin").post("/endpoints", ENDPOINT, Idempotency_Key=key).status_code == 422


def test_old_keys_are_forgotten(as_role: As) -> None:
    script = as_role("viewer")
    script.post("/tokens", {"name": "t", "scopes": ["runs:read"]}, Idempotency_Key="one")
    IdempotentResponse.objects.update(created_at=timezone.now() - timedelta(hours=25))
    script.post("/tokens", {"name": "t", "scopes": ["runs:read"]}, Idempotency_Key="two")
    assert list(IdempotentResponse.objects.values_list("key", flat=True)) == ["two"]
