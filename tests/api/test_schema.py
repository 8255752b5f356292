"""The OpenAPI schema tells the truth: whatever is sent, each answer is one that its route declares."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from optimization.accounts.permissions import Action
from tests.api.conftest import As

schemathesis.serializer.alias("application/x-ndjson", "text/plain")
schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]


@pytest.fixture
def token(as_role: As) -> str:
    return as_role("admin").token


@pytest.fixture(autouse=True)
def connections_stay_open(db: None) -> Iterator[None]:
    """The WSGI handler would close the connection in whose transaction the test runs."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@schema.parametrize()
@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_declared(case: schemathesis.Case, token: str) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)


@pytest.fixture
def document(db: None) -> dict:
    return Client().get("/api/v1/openapi.json").json()


def test_the_schema_is_openapi_3_1_and_says_how_to_come_in(document: dict) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["components"]["securitySchemes"]["TokenAuth"]["scheme"] == "bearer"
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all(operation["security"] for operation in operations)
    assert all(operation["summary"] and operation["description"] for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations)


def test_errors_are_declared_as_problems(document: dict) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            assert {"401", "403", "422"} <= set(operation["responses"])
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]


def test_every_post_takes_an_idempotency_key(document: dict) -> None:
    for path in document["paths"].values():
        if "post" in path:
            assert "Idempotency-Key" in {parameter["name"] for parameter in path["post"]["parameters"]}


def test_no_secret_is_in_any_answer_of_an_endpoint(document: dict) -> None:
    assert "api_key" not in json.dumps(document["components"]["schemas"]["EndpointOut"])


def test_the_documentation_needs_nothing_from_elsewhere(db: None) -> None:
    page = Client().get("/api/v1/docs")
    text = page.content.decode()
    assert page.status_code == 200
    assert "ninja/swagger-ui-bundle.js" in text
    assert "https://" not in text.replace("https://www.w3.org", "")
    assert "<script>" not in text
    assert "<style>" not in text


def test_scopes_are_the_actions(document: dict) -> None:
    assert set(document["components"]["schemas"]["Action"]["enum"]) == set(Action)
