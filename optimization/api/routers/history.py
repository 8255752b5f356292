"""What a run did: its iterations, their outputs and changes, every version of its parameters, its events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ninja import Query, Schema
from pydantic import Field

from optimization.accounts.permissions import Action
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Id, Number
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.routers.runs import run_found
from optimization.api.subjects import Subject
from optimization.models import Iteration, Origin, Run
from optimization.runs.selectors import current_parameters, iteration_outputs, parameter_changes

router = Subject("runs")
MOST_EVENTS = 500


class IterationOut(Schema):
    """`number` counts from 0. `test_score` is the held-out score of the state after it, where that was measured."""

    number: int
    started_at: datetime
    finished_at: datetime | None
    train_score: float | None
    test_score: float | None
    changed: list[str]
    note: str


class RemarkOut(Schema):
    judge: str
    is_rehearsal: bool
    score: float | None
    label: str
    improvements: list[str]
    justification: str


class OutputOut(Schema):
    """One example of an iteration's batch; `score` is within 0..1."""

    example: int
    sample: int
    inputs: dict[str, Any]
    target: Any = None
    output: Any = None
    score: float | None
    error: str
    note: str = Field(description="What became of a question that was not answered; empty otherwise.")
    remarks: list[RemarkOut]


class OutputsOut(Schema):
    items: list[OutputOut]


class ChangeOut(Schema):
    """`version` is the id of the version that came of it."""

    version: int
    name: str
    before: str
    after: str
    accepted: bool


class CountedRemarkOut(Schema):
    text: str
    count: int


class ChangesOut(Schema):
    """What an iteration accepted, or proposed and did not keep; the remarks that led to it; the score on both sides."""

    number: int
    changes: list[ChangeOut]
    remarks: list[CountedRemarkOut]
    score_before: float | None
    score_after: float | None


class ParameterOut(Schema):
    """A version of a parameter, immutable; `current` marks the one that the run stands at."""

    id: int
    name: str
    number: int
    value: str
    description: str
    origin: Origin
    iteration: int
    current: bool
    created_at: datetime


class EventOut(Schema):
    seq: int
    kind: str
    payload: dict[str, Any]
    at: datetime


class EventsOut(Schema):
    """Events in order; ask again with `after` = `last` for those that follow."""

    items: list[EventOut]
    last: int


class IterationQuery(Paging):
    sort: Literal["number", "-number"] = "number"


class ParameterQuery(Paging):
    name: str = Field("", max_length=160)


class EventQuery(Schema):
    after: int = Field(0, ge=0, lt=2**63, description="The last sequence number that the caller has.")
    limit: int = Field(100, ge=1, le=MOST_EVENTS)


@router.route("GET", "/{run_id}/iterations", Action.RUNS_READ, {200: Page[IterationOut]}, problems=(404,))
def run_iteration_list(request: ApiRequest, run_id: Id, query: Query[IterationQuery]) -> Page[IterationOut]:
    """The run's iterations with their scores."""
    run = run_found(request, run_id)
    rows, following = page_of(run.iterations.all(), query, sort=query.sort, fields={"number": "number"})
    positions = [row.number + 1 for row in rows]
    scores = dict(run.scores.filter(split="test", position__in=positions).values_list("position", "mean"))
    items = [
        IterationOut(
            number=row.number,
            started_at=row.started_at,
            finished_at=row.finished_at,
            train_score=row.train_score,
            test_score=scores.get(row.number + 1),
            changed=row.changed,
            note=row.note,
        )
        for row in rows
    ]
    return Page(items=items, next=following)


@router.route(
    "GET",
    "/{run_id}/iterations/{number}/outputs",
    Action.OUTPUTS_READ,
    {200: OutputsOut},
    problems=(404,),
)
def run_iteration_outputs(request: ApiRequest, run_id: Id, number: Number) -> OutputsOut:
    """What the program wrote in an iteration, and who said what of it. Annotators, who judge blind, do not see it."""
    run = run_found(request, run_id)
    _iteration(run, number)
    items = [
        OutputOut(
            example=outcome.example,
            sample=outcome.sample,
            inputs=outcome.inputs,
            target=outcome.target,
            output=outcome.output,
            score=outcome.score,
            error=outcome.error,
            note=outcome.note,
            remarks=[
                RemarkOut(
                    judge=remark.judge,
                    is_rehearsal=remark.is_rehearsal,
                    score=remark.score,
                    label=remark.label,
                    improvements=list(remark.improvements),
                    justification=remark.justification,
                )
                for remark in outcome.remarks
            ],
        )
        for outcome in iteration_outputs(run, number)
    ]
    return OutputsOut(items=items)


@router.route(
    "GET", "/{run_id}/iterations/{number}/changes", Action.RUNS_READ, {200: ChangesOut}, problems=(404,)
)
def run_iteration_changes(request: ApiRequest, run_id: Id, number: Number) -> ChangesOut:
    """What an iteration did to the parameters, and why."""
    run = run_found(request, run_id)
    _iteration(run, number)
    done = parameter_changes(run, number)
    return ChangesOut(
        number=number,
        changes=[
            ChangeOut(
                version=change.version,
                name=change.name,
                before=change.before,
                after=change.after,
                accepted=change.accepted,
            )
            for change in done.changes
        ],
        remarks=[CountedRemarkOut(text=remark.text, count=remark.count) for remark in done.remarks],
        score_before=done.before,
        score_after=done.after,
    )


@router.route("GET", "/{run_id}/parameters", Action.RUNS_READ, {200: Page[ParameterOut]}, problems=(404,))
def run_parameter_list(request: ApiRequest, run_id: Id, query: Query[ParameterQuery]) -> Page[ParameterOut]:
    """Every version of the run's parameters, in the order in which they were written."""
    run = run_found(request, run_id)
    versions = run.parameter_versions.all()
    if query.name:
        versions = versions.filter(name=query.name)
    rows, following = page_of(versions, query, sort="written", fields={"written": "pk"})
    current = {version.pk for version in current_parameters(run)}
    items = [
        ParameterOut(
            id=row.pk,
            name=row.name,
            number=row.number,
            value=row.value,
            description=row.description,
            origin=Origin(row.origin),
            iteration=row.iteration,
            current=row.pk in current,
            created_at=row.created_at,
        )
        for row in rows
    ]
    return Page(items=items, next=following)


@router.route("GET", "/{run_id}/events", Action.RUNS_READ, {200: EventsOut}, problems=(404,))
def run_event_list(request: ApiRequest, run_id: Id, query: Query[EventQuery]) -> EventsOut:
    """What happened since `after`: append-only, without gaps."""
    run = run_found(request, run_id)
    rows = list(run.events.filter(seq__gt=query.after).order_by("seq")[: query.limit])
    return EventsOut(
        items=[EventOut(seq=row.seq, kind=row.kind, payload=row.payload, at=row.at) for row in rows],
        last=rows[-1].seq if rows else query.after,
    )


def _iteration(run: Run, number: int) -> Iteration:
    iteration = run.iterations.filter(number=number).first()
    if iteration is None:
        raise missing(f"iteration of “{run.name}” with the number", number)
    return iteration
