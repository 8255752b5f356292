"""What can be done with a run's past: replay it."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpResponse
from ninja import Schema

from optimization.accounts.permissions import Action
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.routers.runs import run_found
from optimization.api.subjects import Subject
from optimization.runs.replays import last_replay
from optimization.runs.services import run_replay_ask

router = Subject("past")


class AskedOut(Schema):
    """`status` is the address that will tell the outcome."""

    status: str


class ReplayOut(Schema):
    """`equal`: everything came out byte-equal to what is stored; `words` say so, or what did not."""

    equal: bool
    words: str
    at: datetime


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
