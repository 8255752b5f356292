from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from optimization.models import Endpoint, Membership, Workspace
from tests.workspaces import members, workspace

__all__ = ["members", "workspace"]

Browse = Callable[[str], Client]


@pytest.fixture
def browse(members: dict[str, Membership]) -> Browse:
    """A client signed in as the member of a role."""

    def signed_in(role: str) -> Client:
        client = Client()
        client.force_login(members[role].user)
        return client

    return signed_in


@pytest.fixture
def operator(browse: Browse) -> Client:
    return browse("operator")


@pytest.fixture
def admin(browse: Browse) -> Client:
    return browse("admin")


@pytest.fixture
def people(members: dict[str, Membership]) -> list[User]:
    """Who judges."""
    return [members["annotator"].user, members["operator"].user]


@pytest.fixture
def rehearsal_endpoint(workspace: Workspace) -> Endpoint:
    return Endpoint.objects.create(
        workspace=workspace,
        name="default",
        base_url="http://127.0.0.1:8010/v1",
        model="rehearsal",
        is_rehearsal=True,
    )
