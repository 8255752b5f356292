"""Members of the workspace and their roles."""

from __future__ import annotations

from typing import Literal

from django.http import HttpResponse
from ninja import Query, Schema
from pydantic import Field

from optimization.accounts.permissions import Action
from optimization.accounts.selectors import members_of
from optimization.accounts.services import member_add
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.subjects import Subject
from optimization.feedback.services import member_leave, member_set_role
from optimization.models import Membership, Role

router = Subject("members")


class MemberOut(Schema):
    """`is_rehearsal` marks a rehearsal colleague: a program, not a person."""

    id: int
    username: str
    role: str
    is_rehearsal: bool


class MemberMade(MemberOut):
    """`password` is told once, and only where the person was made here."""

    password: str | None = None


class MemberIn(Schema):
    username: str = Field(min_length=1, max_length=150)
    role: Role


class RoleIn(Schema):
    role: Role


class MemberQuery(Paging):
    sort: Literal["joined", "-joined"] = "joined"
    role: Role | None = None


@router.route("GET", "", Action.MEMBERS_READ, {200: Page[MemberOut]})
def member_list(request: ApiRequest, query: Query[MemberQuery]) -> Page[MemberOut]:
    """Who is in the workspace, in what role."""
    members = members_of(request.auth.workspace)
    if query.role:
        members = members.filter(role=query.role)
    rows, following = page_of(members, query, sort=query.sort, fields={"joined": "pk"})
    return Page(items=[_member(row) for row in rows], next=following)


@router.route("POST", "", Action.MEMBERS_WRITE, {201: MemberMade})
def member_create(request: ApiRequest, payload: MemberIn, response: HttpResponse) -> MemberMade:
    """Adds a person, made with a password that is told once unless they exist."""
    member, password = member_add(
        workspace=request.auth.workspace, username=payload.username, role=payload.role
    )
    response["Location"] = f"/api/v1/members/{member.pk}"
    return MemberMade(**_member(member).model_dump(), password=password)


@router.route("GET", "/{member_id}", Action.MEMBERS_READ, {200: MemberOut}, problems=(404,))
def member_get(request: ApiRequest, member_id: Id) -> MemberOut:
    """One member."""
    return _member(_found(request, member_id))


@router.route("PATCH", "/{member_id}", Action.MEMBERS_WRITE, {200: MemberOut}, problems=(404,))
def member_edit(request: ApiRequest, member_id: Id, payload: RoleIn) -> MemberOut:
    """Changes a member's role, in force with their next request."""
    return _member(member_set_role(membership=_found(request, member_id), role=payload.role))


@router.route("DELETE", "/{member_id}", Action.MEMBERS_WRITE, {204: None}, problems=(404,))
def member_remove(request: ApiRequest, member_id: Id) -> None:
    """Takes a person out and ends their tokens here; what they answered stays."""
    member_leave(membership=_found(request, member_id))


def _found(request: ApiRequest, member_id: int) -> Membership:
    member = members_of(request.auth.workspace).filter(pk=member_id).first()
    if member is None:
        raise missing("member", member_id)
    return member


def _member(member: Membership) -> MemberOut:
    return MemberOut(
        id=member.pk,
        username=member.user.get_username(),
        role=member.role,
        is_rehearsal=member.is_rehearsal,
    )
