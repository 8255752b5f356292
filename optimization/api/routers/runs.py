"""Runs: launched, followed, steered."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import HttpResponse
from ninja import Query, Schema
from pydantic import ConfigDict, Field

from optimization.accounts.permissions import Action
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.subjects import Subject
from optimization.models import Run, RunKind, RunState
from optimization.runs.config import RunConfig
from optimization.runs.kinds import AnyRunConfig, config_of
from optimization.runs.listing import RunRow
from optimization.runs.selectors import late_answers, run_curve, run_rows, run_usage
from optimization.runs.services import (
    policy_launch,
    run_cancel,
    run_fork,
    run_launch,
    run_pause,
    run_restart,
    run_resume,
    run_retry,
    run_set_budget,
    run_take_late,
)

router = Subject("runs")


class RunOut(Schema):
    """`sentence` says what the run is doing, since when, and `next_step` what there is to do. `score` is the latest of
    the held-out split, `first_score` the one that it began with; `cost` is in US dollars."""

    id: int
    name: str
    kind: RunKind
    state: RunState
    sentence: str
    since: datetime
    tone: Literal["acts", "waits", "stopped", "done", "attention"]
    next_step: str
    reason: str
    due: datetime | None = Field(description="When the first open question's time runs out.")
    progress: tuple[int, int] | None = Field(description="Parts of the present phase: done, of all.")
    program: str = Field(description="Of a policy's run, the model that it began as.")
    dataset: str
    iteration: int = Field(description="The one under way, counted from 0.")
    iterations: int
    score: float | None
    first_score: float | None
    cost: float
    created_by: str
    created_at: datetime
    finished_at: datetime | None


class UsageOut(Schema):
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    answers: int
    human_minutes: int
    rehearsal_answers: int


class PointOut(Schema):
    """The mean score at a position: 0 is the start, k the state after k iterations."""

    position: int
    mean: float
    stderr: float | None
    count: int


class RunWhole(RunOut):
    """`curve` is that of `curve_split`."""

    config: AnyRunConfig
    late_answers: int = Field(description="Answers that came late and wait for the next step.")
    usage: UsageOut
    curve_split: str
    curve: list[PointOut]


class LaunchIn(Schema):
    """`name` may be left empty: the run is then called after its program and dataset."""

    name: str = Field("", max_length=160)
    config: AnyRunConfig


class RunQuery(Paging):
    sort: Literal["created", "-created", "name", "-name"] = "-created"
    state: RunState | None = None
    program: str = Field("", max_length=80)
    search: str = Field("", max_length=160)


@router.route("GET", "", Action.RUNS_READ, {200: Page[RunOut]})
def run_list(request: ApiRequest, query: Query[RunQuery]) -> Page[RunOut]:
    """The workspace's runs, with what each is doing."""
    runs = _runs(request)
    if query.state:
        runs = runs.filter(state=query.state)
    if query.program:
        runs = runs.filter(program_version__program__name=query.program)
    if query.search:
        runs = runs.filter(name__icontains=query.search)
    rows, following = page_of(runs, query, sort=query.sort, fields={"created": "created_at", "name": "name"})
    return Page(items=[RunOut(**_row(row)) for row in run_rows(rows)], next=following)


@router.route("POST", "", Action.RUNS_WRITE, {202: RunWhole})
def run_create(request: ApiRequest, payload: LaunchIn, response: HttpResponse) -> RunWhole:
    """Launches a run: it goes on by itself, and its address, in Location, tells how it fares."""
    run = _launched(request, payload)
    response["Location"] = f"/api/v1/runs/{run.pk}"
    return run_whole(run_found(request, run.pk))


@router.route("GET", "/{run_id}", Action.RUNS_READ, {200: RunWhole}, problems=(404,))
def run_get(request: ApiRequest, run_id: Id) -> RunWhole:
    """A run: what it is doing, what it has used, its curve."""
    return run_whole(run_found(request, run_id))


class RunEdit(Schema):
    """`budget` in US dollars; null for none."""

    model_config = ConfigDict(extra="forbid")

    budget: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=4)] | None


@router.route("PATCH", "/{run_id}", Action.RUNS_WRITE, {200: RunWhole}, problems=(404,))
def run_edit(request: ApiRequest, run_id: Id, payload: RunEdit) -> RunWhole:
    """Sets another budget, in force for the next call."""
    return run_whole(
        run_set_budget(run=run_found(request, run_id), user=request.auth.user, budget=payload.budget)
    )


class ForkIn(Schema):
    """`iteration` counts from 0, as in the list of iterations; `iterations` is how many there are to be in all."""

    model_config = ConfigDict(extra="forbid")

    iteration: Annotated[int, Field(ge=0)]
    name: Annotated[str, Field(max_length=160)] = ""
    iterations: Annotated[int, Field(ge=1, le=10_000)] | None = None


@router.route("POST", "/{run_id}/fork", Action.RUNS_WRITE, {202: RunWhole}, problems=(404,))
def run_fork_now(request: ApiRequest, run_id: Id, payload: ForkIn, response: HttpResponse) -> RunWhole:
    """A new run from the state at an iteration's start; the run itself stays as it is."""
    fork = run_fork(
        run=run_found(request, run_id),
        user=request.auth.user,
        iteration=payload.iteration,
        name=payload.name,
        iterations=payload.iterations,
    )
    response["Location"] = f"/api/v1/runs/{fork.pk}"
    return run_whole(run_found(request, fork.pk))


@router.route("POST", "/{run_id}/pause", Action.RUNS_WRITE, {200: RunWhole}, problems=(404,))
def run_pause_now(request: ApiRequest, run_id: Id) -> RunWhole:
    """No new work begins; calls in flight end and are stored, and answers are kept."""
    return run_whole(run_pause(run=run_found(request, run_id), user=request.auth.user))


@router.route("POST", "/{run_id}/resume", Action.RUNS_WRITE, {200: RunWhole}, problems=(404,))
def run_resume_now(request: ApiRequest, run_id: Id) -> RunWhole:
    """Goes on where it stood."""
    return run_whole(run_resume(run=run_found(request, run_id), user=request.auth.user))


@router.route("POST", "/{run_id}/cancel", Action.RUNS_WRITE, {200: RunWhole}, problems=(404,))
def run_cancel_now(request: ApiRequest, run_id: Id) -> RunWhole:
    """Ends the run for good; its open questions are withdrawn."""
    return run_whole(run_cancel(run=run_found(request, run_id), user=request.auth.user))


@router.route("POST", "/{run_id}/retry", Action.RUNS_WRITE, {200: RunWhole}, problems=(404,))
def run_retry_now(request: ApiRequest, run_id: Id) -> RunWhole:
    """Tries again what failed; nothing that is stored is asked or paid for again."""
    return run_whole(run_retry(run=run_found(request, run_id), user=request.auth.user))


@router.route("POST", "/{run_id}/take-late", Action.RUNS_WRITE, {200: RunWhole}, problems=(404,))
def run_take_late_now(request: ApiRequest, run_id: Id) -> RunWhole:
    """Takes one more step of a finished run, from the answers that came after its last one alone."""
    return run_whole(run_take_late(run=run_found(request, run_id), user=request.auth.user))


@router.route("POST", "/{run_id}/restart", Action.RUNS_WRITE, {200: RunWhole}, problems=(404,))
def run_restart_now(request: ApiRequest, run_id: Id) -> RunWhole:
    """Begins the iteration of a stopped run anew, with the code as it is now; every call and answer that still fits is
    used again."""
    return run_whole(run_restart(run=run_found(request, run_id), user=request.auth.user))


def _launched(request: ApiRequest, payload: LaunchIn) -> Run:
    workspace, user, config = request.auth.workspace, request.auth.user, payload.config
    if isinstance(config, RunConfig):
        return run_launch(workspace=workspace, user=user, config=config, name=payload.name)
    return policy_launch(workspace=workspace, user=user, config=config, name=payload.name)


def run_found(request: ApiRequest, run_id: int) -> Run:
    run = _runs(request).filter(pk=run_id).first()
    if run is None:
        raise missing("run", run_id)
    return run


def _runs(request: ApiRequest) -> QuerySet[Run]:
    return request.auth.workspace.runs.select_related(
        "program_version__program", "dataset_version__dataset", "created_by"
    )


def _row(row: RunRow) -> dict[str, Any]:
    run, status = row.run, row.status
    return {
        "id": run.pk,
        "name": run.name,
        "state": RunState(run.state),
        "sentence": status.sentence,
        "since": status.since,
        "tone": status.tone,
        "next_step": status.next_step,
        "reason": run.reason,
        "due": status.due,
        "progress": status.progress,
        "kind": RunKind(run.kind),
        "program": run.program_version.program.name if run.program_version else run.subject,
        "dataset": run.dataset_version.dataset.name,
        "iteration": run.iteration,
        "iterations": row.iterations,
        "score": row.score,
        "first_score": row.first_score,
        "cost": row.cost,
        "created_by": run.created_by.get_username(),
        "created_at": run.created_at,
        "finished_at": run.finished_at,
    }


def run_whole(run: Run) -> RunWhole:
    used, curve = run_usage(run), run_curve(run)
    return RunWhole(
        **_row(run_rows([run])[0]),
        config=config_of(run),
        late_answers=late_answers(run),
        usage=UsageOut(
            calls=used.usage.calls,
            prompt_tokens=used.usage.prompt_tokens,
            completion_tokens=used.usage.completion_tokens,
            cost=used.usage.cost,
            answers=used.answers,
            human_minutes=used.human_minutes,
            rehearsal_answers=used.rehearsal_answers,
        ),
        curve_split=curve.split,
        curve=[
            PointOut(position=point.position, mean=point.mean, stderr=point.stderr, count=point.count)
            for point in curve.points
        ],
    )
