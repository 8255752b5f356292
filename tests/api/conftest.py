import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from optimization.accounts.permissions import PERMISSIONS
from optimization.accounts.tokens import token_create
from optimization.models import Membership, Role
from tests.workspaces import members, workspace

__all__ = ["As", "Caller", "members", "workspace"]


@dataclass
class Caller:
    """A script with a token: `caller.post("/runs", {...})`."""

    token: str

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("POST", path, body, **headers)

    def send(self, verb: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client().generic(
            verb,
            f"/api/v1{path}",
            data,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.token}", **sent},
        )


As = Callable[[str], Caller]


def caller_for(member: Membership) -> Caller:
    _, plain = token_create(
        workspace=member.workspace,
        user=member.user,
        name="script",
        scopes=PERMISSIONS[Role(member.role)],
    )
    return Caller(plain)


@pytest.fixture
def as_role(members: dict[str, Membership]) -> As:
    """`as_role("operator")` calls with a token that has every scope of the role."""
    return lambda role: caller_for(members[role])
