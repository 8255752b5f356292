"""Panels, and who is asked what a run has waiting."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.http import HttpResponse
from ninja import Query, Schema
from pydantic import ConfigDict, Field

from optimization.accounts.permissions import Action
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import Fault, Refusal, missing
from optimization.api.routers.runs import run_found
from optimization.api.subjects import Subject
from optimization.feedback.assigning import Assignment
from optimization.feedback.services import panel_dissolve, panel_set, questions_assign
from optimization.models import Panel
from optimization.runs.selectors import runs_waiting

router = Subject("panels")
waiting = Subject("feedback")


class PanelOut(Schema):
    id: int
    name: str
    members: list[str] = Field(description="User names.")


class PanelIn(Schema):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    members: list[str] = Field(min_length=1, max_length=500)


class AssignmentIn(Schema):
    """A panel's name or one person's user name; neither asks everybody who judges."""

    model_config = ConfigDict(extra="forbid")

    panel: str | None = Field(None, max_length=80)
    person: str | None = Field(None, max_length=150)


class AssignedOut(Schema):
    questions: int = Field(description="How many were put to them.")


class WaitingOut(Schema):
    """`answers` are missing to `questions` open ones, since the oldest of them; `asked` is empty where everybody is;
    `judges` hold one just now."""

    run: int
    name: str
    questions: int
    answers: int
    since: datetime
    asked: list[str]
    judges: list[str]


@router.route("GET", "", Action.MEMBERS_READ, {200: Page[PanelOut]})
def panel_list(request: ApiRequest, query: Query[Paging]) -> Page[PanelOut]:
    """The workspace's panels."""
    panels = request.auth.workspace.panels.prefetch_related("members")
    rows, following = page_of(panels, query, sort="created", fields={"created": "pk"})
    return Page(items=[_told(row) for row in rows], next=following)


@router.route("POST", "", Action.MEMBERS_READ, {201: PanelOut})
def panel_create(request: ApiRequest, payload: PanelIn, response: HttpResponse) -> PanelOut:
    """Some of the people who judge, by a name that a run is launched for."""
    panel = _set(request, Panel(workspace=request.auth.workspace), payload)
    response["Location"] = f"/api/v1/panels/{panel.pk}"
    return _told(panel)


@router.route("GET", "/{panel_id}", Action.MEMBERS_READ, {200: PanelOut}, problems=(404,))
def panel_get(request: ApiRequest, panel_id: Id) -> PanelOut:
    """One panel."""
    return _told(_found(request, panel_id))


@router.route("PUT", "/{panel_id}", Action.MEMBERS_READ, {200: PanelOut}, problems=(404, 409))
def panel_change(request: ApiRequest, panel_id: Id, payload: PanelIn) -> PanelOut:
    """Its name and all of its members; what waits for the panel waits for these from now on."""
    return _told(_set(request, _found(request, panel_id), payload))


@router.route("DELETE", "/{panel_id}", Action.MEMBERS_READ, {204: None}, problems=(404,))
def panel_remove(request: ApiRequest, panel_id: Id) -> None:
    """Dissolves it: what waits for it waits for everybody."""
    panel_dissolve(panel=_found(request, panel_id))


@waiting.route("GET", "/waiting", Action.FEEDBACK_READ, {200: list[WaitingOut]})
def feedback_waiting(request: ApiRequest) -> list[WaitingOut]:
    """What waits for people, run by run, who has waited longest first."""
    return [
        WaitingOut(
            run=each.run.pk,
            name=each.run.name,
            questions=each.questions,
            answers=each.answers,
            since=each.since,
            asked=list(each.asked),
            judges=list(each.judges),
        )
        for each in runs_waiting(request.auth.workspace)
    ]


@waiting.route("PUT", "/waiting/{run_id}", Action.FEEDBACK_REVIEW, {200: AssignedOut}, problems=(404, 409))
def feedback_assign(request: ApiRequest, run_id: Id, payload: AssignmentIn) -> AssignedOut:
    """Puts what a run has waiting to others; what it asks later goes to whom it was launched for."""
    to = Assignment(payload.panel, payload.person)
    return AssignedOut(questions=questions_assign(run=run_found(request, run_id), to=to))


def _set(request: ApiRequest, panel: Panel, payload: PanelIn) -> Panel:
    named = User.objects.filter(
        memberships__workspace=request.auth.workspace, username__in=payload.members
    ).distinct()
    members = {user.get_username(): user for user in named}
    for place, name in enumerate(payload.members):
        if name not in members:
            detail = f"There is nobody called “{name}” in this workspace."
            raise Refusal(422, detail, [Fault(detail=detail, pointer=f"#/members/{place}")])
    return panel_set(panel=panel, name=payload.name, members=list(members.values()))


def _found(request: ApiRequest, panel_id: int) -> Panel:
    panel: Panel | None = request.auth.workspace.panels.filter(pk=panel_id).first()
    if panel is None:
        raise missing("panel", panel_id)
    return panel


def _told(panel: Panel) -> PanelOut:
    members = sorted(user.get_username() for user in panel.members.all())
    return PanelOut(id=panel.pk, name=panel.name, members=members)
