"""Links by which people join the workspace."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse
from ninja import Schema
from pydantic import Field

from optimization.accounts.invitations import (
    LONGEST_DAYS,
    MOST_PLACES,
    invitation_create,
    invitation_revoke,
    invitations_open,
)
from optimization.accounts.permissions import Action
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.subjects import Subject
from optimization.models import Invitation, Role

router = Subject("members")


class InvitationOut(Schema):
    """`places` are those that are left."""

    id: int
    role: Role
    note: str
    places: int
    expires_at: datetime


class InvitationMade(InvitationOut):
    link: str = Field(description="Told once.")


class InvitationIn(Schema):
    role: Role = Role.ANNOTATOR
    places: int = Field(1, ge=1, le=MOST_PLACES)
    days: int = Field(7, ge=1, le=LONGEST_DAYS)
    note: str = Field("", max_length=120)


@router.route("GET", "", Action.MEMBERS_WRITE, {200: list[InvitationOut]})
def invitation_list(request: ApiRequest) -> list[InvitationOut]:
    """The links that hold."""
    return [InvitationOut(**_told(row)) for row in invitations_open(request.auth.workspace)]


@router.route("POST", "", Action.MEMBERS_WRITE, {201: InvitationMade})
def invitation_make(request: ApiRequest, payload: InvitationIn) -> InvitationMade:
    """A link for as many people as it has places; nobody becomes an admin by it."""
    made, secret = invitation_create(
        workspace=request.auth.workspace, created_by=request.auth.user, **payload.dict()
    )
    return InvitationMade(**_told(made), link=request.build_absolute_uri(reverse("join", args=[secret])))


@router.route("DELETE", "/{invitation_id}", Action.MEMBERS_WRITE, {204: None}, problems=(404,))
def invitation_delete(request: ApiRequest, invitation_id: Id) -> None:
    """Nobody joins by it any more."""
    found = invitations_open(request.auth.workspace).filter(pk=invitation_id).first()
    if found is None:
        raise missing("invitation", invitation_id)
    invitation_revoke(invitation=found)


def _told(row: Invitation) -> dict[str, Any]:
    return {
        "id": row.pk,
        "role": row.role,
        "note": row.note,
        "places": row.places,
        "expires_at": row.expires_at,
    }
