"""What a fresh installation starts with: a workspace, a sign-in for each role, two rehearsal colleagues, an endpoint,
the programs and datasets that we ship."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from optimization.accounts.services import member_add, workspace_create
from optimization.catalog.endpoints import default_endpoint_ensure
from optimization.catalog.shipped import shipped_datasets_register, shipped_programs_register
from optimization.models import Membership, Role, Workspace
from optimization.rehearsal.colleague import ADA, BEN, PERSONAS

FIRST_WORKSPACE = "Support team"
REHEARSAL_COLLEAGUES = {"rehearsal-ada": ADA.name, "rehearsal-ben": BEN.name}


@dataclass(frozen=True)
class SignIn:
    """A way into the first workspace; `password` is known only to the start that made it, else None."""

    role: str
    username: str
    password: str | None


def bootstrap_workspace() -> list[SignIn]:
    """Makes what is missing and leaves the rest as it is; a sign-in for each role, from admin to viewer."""
    workspace = workspace_create(name=FIRST_WORKSPACE)
    sign_ins = [_sign_in(workspace, role) for role in reversed(Role)]
    for number, persona in enumerate(PERSONAS, start=1):
        _rehearsal_colleague(workspace, f"rehearsal-{number}", persona.name)
    default_endpoint_ensure(workspace=workspace)
    shipped_programs_register(workspace=workspace)
    shipped_datasets_register(workspace=workspace)
    return sign_ins


def _sign_in(workspace: Workspace, role: Role) -> SignIn:
    """The role's first member, made under the role's name where the workspace has none."""
    member = (
        workspace.memberships.filter(role=role, is_rehearsal=False).select_related("user").order_by("pk")
    ).first()
    if member is not None:
        return SignIn(role.value, member.user.get_username(), None)
    username = role.value
    while User.objects.filter(username=username).exists():
        username += "-1"
    member, password = member_add(workspace=workspace, username=username, role=role)
    return SignIn(role.value, username, password)


@transaction.atomic
def _rehearsal_colleague(workspace: Workspace, username: str, name: str) -> None:
    """A program that answers questions over HTTP with an API token; nobody can sign in as it."""
    user, made = User.objects.get_or_create(username=username, defaults={"first_name": name})
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    Membership.objects.get_or_create(
        workspace=workspace, user=user, defaults={"role": Role.ANNOTATOR, "is_rehearsal": True}
    )
