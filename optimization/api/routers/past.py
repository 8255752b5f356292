"""What can be done with a run's past: replay it, go back to an earlier version of a parameter."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpResponse
from ninja import Schema
from pydantic import ConfigDict, Field

from optimization.accounts.permissions import Action
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.routers.runs import run_found
from optimization.api.subjects import Subject
from optimization.runs.provenance import version_found
from optimization.runs.replays import last_replay
from optimization.runs.reverts import revert_words
from optimization.runs.services import parameter_revert, run_replay_ask

router = Subject("past")


class AskedOut(Schema):
    """`status` is the address that will tell the outcome."""

    status: str


class ReplayOut(Schema):
    """`equal`: everything came out byte-equal to what is stored; `words` say so, or what did not."""

    equal: bool
    words: str
    at: datetime


class RevertIn(Schema):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=400)] = ""


class RevertOut(Schema):
    """`done`: it is in force; else it will be when the iteration under way is over. `words` say so."""

    name: str
    number: int
    done: bool
    words: str


@router.route("POST", "/{run_id}/replay", Action.RUNS_WRITE, {202: AskedOut}, problems=(404,))
def run_replay_now(request: ApiRequest, run_id: Id, response: HttpResponse) -> AskedOut:
    """Replays the run from its stored calls and answers: nothing is called, nobody is asked, nothing is changed."""
    run = run_found(request, run_id)
    run_replay_ask(run=run)
    response["Location"] = f"/api/v1/runs/{run.pk}/replay"
    return AskedOut(status=response["Location"])


@router.route("GET", "/{run_id}/replay", Action.RUNS_READ, {200: ReplayOut}, problems=(404,))
def run_replay_get(request: ApiRequest, run_id: Id) -> ReplayOut:
    """The verdict of the run's last replay."""
    run = run_found(request, run_id)
    found = last_replay(run)
    if found is None:
        raise missing("replay of run", run_id)
    return ReplayOut(equal=found.payload["equal"], words=found.payload["words"], at=found.at)


@router.route(
    "POST",
    "/{run_id}/parameters/{version_id}/revert",
    Action.RUNS_WRITE,
    {200: RevertOut},
    problems=(404,),
)
def run_parameter_revert(request: ApiRequest, run_id: Id, version_id: Id, payload: RevertIn) -> RevertOut:
    """Makes an earlier version of a parameter the current one again, as a step of its own; history stays as it is."""
    run = run_found(request, run_id)
    version = version_found(run, version_id)
    if version is None:
        raise missing("parameter version", version_id)
    revert = parameter_revert(run=run, user=request.auth.user, version=version, reason=payload.reason)
    return RevertOut(
        name=version.name, number=version.number, done=revert.step is not None, words=revert_words(revert)
    )
