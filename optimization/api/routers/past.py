"""What can be done with a run's past: replay it, go back to an earlier version of a parameter, ask what would have been
without one of its annotators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from django.contrib.auth.models import User
from django.http import HttpResponse
from ninja import Schema
from pydantic import ConfigDict, Field

from optimization.accounts.permissions import Action
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.routers.runs import RunWhole, run_found, run_whole
from optimization.api.subjects import Subject
from optimization.runs.config import Choice
from optimization.runs.provenance import version_found
from optimization.runs.replays import last_replay
from optimization.runs.reverts import revert_words
from optimization.runs.services import parameter_revert, run_replay_ask, run_without
from optimization.runs.without import Price, judge_offered, without_offers

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


class PriceOut(Schema):
    """What it will take from now on, estimated; `human_minutes` are those of all people together."""

    calls: int
    dollars: float
    questions: int
    human_minutes: int


class OfferOut(Schema):
    """A run without a person: exact through `iteration`, counted from 0, from so many stored calls and answers of others.

    `given` are the person's own answers there, `alone` those of them that nobody else's stands beside.
    """

    user: int
    name: str
    iteration: int
    given: int
    alone: int
    answers: int
    calls: int
    by_people: PriceOut
    by_judge: PriceOut


class OffersOut(Schema):
    """`judge` is the one whose price is given, if a judge is to go on and none is named."""

    items: list[OfferOut]
    judge: Choice


class WithoutIn(Schema):
    """`then` says who judges after the exact step; `judge` which model does, in place of the one that is offered."""

    model_config = ConfigDict(extra="forbid")

    user: Annotated[int, Field(ge=1, lt=2**63)]
    then: Literal["people", "judge"]
    judge: Choice | None = None
    name: Annotated[str, Field(max_length=160)] = ""


@router.route("GET", "/{run_id}/without", Action.RUNS_WRITE, {200: OffersOut}, problems=(404, 409))
def run_without_list(request: ApiRequest, run_id: Id) -> OffersOut:
    """Whom a run can be asked about, and what it would take: read the price here before the run is launched."""
    run = run_found(request, run_id)
    items = [
        OfferOut(
            user=offer.person.pk,
            name=offer.name,
            iteration=offer.iteration,
            given=offer.given,
            alone=offer.alone,
            answers=offer.answers,
            calls=offer.calls,
            by_people=_price(offer.by_people),
            by_judge=_price(offer.by_judge),
        )
        for offer in without_offers(run)
    ]
    return OffersOut(items=items, judge=judge_offered(run))


@router.route("POST", "/{run_id}/without", Action.RUNS_WRITE, {202: RunWhole}, problems=(404,))
def run_without_now(request: ApiRequest, run_id: Id, payload: WithoutIn, response: HttpResponse) -> RunWhole:
    """A new run that leaves a person's answers out, exact through the first step that this changes."""
    run = run_found(request, run_id)
    person = User.objects.filter(pk=payload.user).first()
    if person is None:
        raise missing("user", payload.user)
    judge = (payload.judge or judge_offered(run)) if payload.then == "judge" else None
    fork = run_without(run=run, user=request.auth.user, person=person, judge=judge, name=payload.name)
    response["Location"] = f"/api/v1/runs/{fork.pk}"
    return run_whole(run_found(request, fork.pk))


def _price(price: Price) -> PriceOut:
    return PriceOut(
        calls=price.calls,
        dollars=price.dollars,
        questions=price.questions,
        human_minutes=price.human_minutes,
    )
