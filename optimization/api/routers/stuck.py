"""What keeps a run from going on by itself, and what is to become of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import ConfigDict

from optimization.accounts.permissions import Action
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.routers.runs import RunWhole, run_found, run_whole
from optimization.api.subjects import Subject
from optimization.runs.services import item_mend, question_mend
from optimization.runs.stuck import ItemDeed, QuestionDeed, stuck_items, stuck_questions

router = Subject("runs")


class StuckItemOut(Schema):
    """Work that raised, with its example's inputs; `due_at` is when it is tried again by itself, null if it is not."""

    id: int
    what: str
    inputs: dict[str, Any]
    error: str
    tries: int
    due_at: datetime | None


class PassedOnOut(Schema):
    by: str
    reason: str


class StuckQuestionOut(Schema):
    """A question that everybody who may answer has passed on."""

    id: int
    kind: str
    output: Any = None
    passed_on: list[PassedOnOut]


class StuckOut(Schema):
    items: list[StuckItemOut]
    questions: list[StuckQuestionOut]


class ItemMendIn(Schema):
    """Try it again, or leave its example out of the iteration."""

    model_config = ConfigDict(extra="forbid")

    then: ItemDeed


class QuestionMendIn(Schema):
    """Offer it to everybody again, ask a model in their place, or go on without an answer."""

    model_config = ConfigDict(extra="forbid")

    then: QuestionDeed


@router.route("GET", "/{run_id}/stuck", Action.RUNS_WRITE, {200: StuckOut}, problems=(404,))
def run_stuck(request: ApiRequest, run_id: Id) -> StuckOut:
    """What fails, with its inputs and last error, and what everybody passed on."""
    run = run_found(request, run_id)
    return StuckOut(
        items=[
            StuckItemOut(
                id=stuck.item.pk,
                what=stuck.what,
                inputs=stuck.inputs,
                error=stuck.error,
                tries=stuck.tries,
                due_at=stuck.due_at,
            )
            for stuck in stuck_items(run)
        ],
        questions=[
            StuckQuestionOut(
                id=stuck.request.pk,
                kind=stuck.request.kind,
                output=stuck.output,
                passed_on=[PassedOnOut(by=by, reason=reason) for by, reason in stuck.passed_on],
            )
            for stuck in stuck_questions(run)
        ],
    )


@router.route("POST", "/{run_id}/items/{item_id}/mend", Action.RUNS_WRITE, {200: RunWhole}, problems=(404,))
def run_item_mend(request: ApiRequest, run_id: Id, item_id: Id, payload: ItemMendIn) -> RunWhole:
    """Says what is to become of work that fails; a run that stopped for it goes on."""
    run = run_found(request, run_id)
    if not run.work.filter(pk=item_id).exists():
        raise missing("work item", item_id)
    item_mend(run=run, item_id=item_id, user=request.auth.user, then=payload.then)
    return run_whole(run_found(request, run_id))


@router.route(
    "POST", "/{run_id}/questions/{question_id}/mend", Action.RUNS_WRITE, {200: RunWhole}, problems=(404,)
)
def run_question_mend(request: ApiRequest, run_id: Id, question_id: Id, payload: QuestionMendIn) -> RunWhole:
    """Says what is to become of a question that everybody passed on."""
    run = run_found(request, run_id)
    if not run.feedback_requests.filter(pk=question_id).exists():
        raise missing("question", question_id)
    question_mend(run=run, request_id=question_id, user=request.auth.user, then=payload.then)
    return run_whole(run_found(request, run_id))
