"""Programs: JSON programs come in here; those of Python code are listed beside them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpResponse
from ninja import Query, Schema
from pydantic import Field

from optimization.accounts.permissions import Action
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Slug
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.subjects import Subject
from optimization.catalog.programs import program_import
from optimization.catalog.selectors import programs_of
from optimization.models import Program, ProgramVersion

router = Subject("programs")


class VersionOut(Schema):
    number: int
    digest: str
    registered: str | None = Field(
        description="The name that Python code registers it by; null for JSON programs."
    )
    created_at: datetime


class ProgramOut(Schema):
    name: str
    title: str
    description: str
    latest: VersionOut
    created_at: datetime


class ProgramWhole(ProgramOut):
    """`spec` is the latest version's, `versions` are all, the newest first."""

    spec: dict[str, Any]
    versions: list[VersionOut]


class ProgramIn(Schema):
    """`spec` is {"inputs": [...], "nodes": [{"id", "prompt", "parameter", ...}], "output": a node's id}."""

    name: str = Field(min_length=1, max_length=80)
    title: str = Field("", max_length=160)
    description: str = Field("", max_length=4000)
    spec: dict[str, Any]


class ProgramQuery(Paging):
    sort: Literal["name", "-name", "created", "-created"] = "name"
    search: str = Field("", max_length=160)


@router.route("GET", "", Action.PROGRAMS_READ, {200: Page[ProgramOut]})
def program_list(request: ApiRequest, query: Query[ProgramQuery]) -> Page[ProgramOut]:
    """The workspace's programs."""
    programs = programs_of(request.auth.workspace).filter(title__icontains=query.search)
    rows, following = page_of(
        programs, query, sort=query.sort, fields={"name": "name", "created": "created_at"}
    )
    return Page(items=[_program(row) for row in rows], next=following)


@router.route("POST", "", Action.PROGRAMS_WRITE, {201: ProgramWhole})
def program_create(request: ApiRequest, payload: ProgramIn, response: HttpResponse) -> ProgramWhole:
    """Imports a JSON program, as a new version if there is one of that name."""
    version = program_import(
        workspace=request.auth.workspace,
        name=payload.name,
        spec=payload.spec,
        title=payload.title,
        description=payload.description,
    )
    response["Location"] = f"/api/v1/programs/{version.program.name}"
    return _whole(version.program)


@router.route("GET", "/{name}", Action.PROGRAMS_READ, {200: ProgramWhole}, problems=(404,))
def program_get(request: ApiRequest, name: Slug) -> ProgramWhole:
    """A program with its latest spec."""
    program = programs_of(request.auth.workspace).filter(name=name).first()
    if program is None:
        raise missing("program", name)
    return _whole(program)


def _whole(program: Program) -> ProgramWhole:
    versions = list(program.versions.order_by("-number"))
    return ProgramWhole(
        **_program(program).model_dump(),
        spec=versions[0].spec,
        versions=[_version(version) for version in versions],
    )


def _program(program: Program) -> ProgramOut:
    return ProgramOut(
        name=program.name,
        title=program.title,
        description=program.description,
        latest=_version(max(program.versions.all(), key=lambda version: version.number)),
        created_at=program.created_at,
    )


def _version(version: ProgramVersion) -> VersionOut:
    return VersionOut(
        number=version.number,
        digest=version.digest,
        registered=version.spec.get("registered"),
        created_at=version.created_at,
    )
