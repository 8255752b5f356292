"""A workspace with a member of each role, for the tests of accounts, catalog and REST."""

import pytest
from django.contrib.auth.models import User

from optimization.accounts.services import workspace_create
from optimization.models import Membership, Role, Workspace


@pytest.fixture
def workspace(db: None) -> Workspace:
    return workspace_create(name="Support team")


@pytest.fixture
def members(workspace: Workspace) -> dict[str, Membership]:
    """One member for each role, named after it."""
    return {
        role.value: Membership.objects.create(
            workspace=workspace, user=User.objects.create_user(role.value), role=role
        )
        for role in Role
    }
