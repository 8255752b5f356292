"""Questions to people: a script claims, judges and answers by the same rules as a person in the browser.

1. `claim` gives the next question, a fence, and the time until which it is held; `heartbeat` begins that time again.
2. `answer` carries the fence and a client key of the caller's own making: sent twice, it is one answer. The next
   question comes back with it.
3. What goes out is the question alone: not which model, version or candidate wrote a text, nor how others judged it.
   Outputs that are compared come in an order drawn for the caller, and the answer is about the order that came.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ninja import Query, Schema, Status
from pydantic import Field

from optimization.accounts.permissions import Action
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.subjects import Subject
from optimization.feedback.ahead import MOST_AHEAD
from optimization.feedback.selectors import question_of
from optimization.feedback.services import (
    answer_preview,
    answer_submit,
    claim_ahead,
    claim_next,
    claim_release,
    claim_renew,
    draft_load,
    draft_save,
    question_shown,
    request_skip,
)
from optimization.losses.questions import Question
from optimization.models import Audience, Claim, FeedbackRequest, RequestState

router = Subject("feedback")


class QuestionOut(Schema):
    id: int
    kind: str
    iteration: int
    question: Question


class ClaimOut(Schema):
    """A held question; `draft` is what its holder has typed so far."""

    request: QuestionOut
    fence: int
    expires_at: datetime
    deadline: datetime | None = Field(
        None, description="When the time to answer runs out; null if it does not."
    )
    draft: dict[str, Any] = {}


class Fence(Schema):
    fence: int = Field(ge=0, lt=2**31)


class Ahead(Schema):
    place: int = Field(1, ge=1, le=MOST_AHEAD, description="How many after the one in hand.")


class HeldUntil(Schema):
    fence: int
    expires_at: datetime


class AnswerIn(Fence):
    """`body` answers the question's kind: {"score": 4, "improvements": ["..."]} for a rubric. `seconds` is the time on
    task. `client_key` is made anew for each answer by whoever sends it."""

    client_key: str = Field(min_length=1, max_length=64)
    body: dict[str, Any]
    seconds: float = Field(0.0, ge=0, le=86_400)


class Next(Schema):
    next: ClaimOut | None = Field(description="The next question, claimed already; null if nothing waits.")


class Answered(Next):
    answer_id: int


class SkipIn(Schema):
    reason: str = Field("", max_length=400)


class DraftIn(Schema):
    body: dict[str, Any]


class ReadingOut(Schema):
    """`text` is what the optimizer gets for a prompt whose node made the output; empty where nothing was to be changed."""

    remarks: list[str]
    score: float | None
    text: str


class PreviewOut(Schema):
    outputs: list[ReadingOut]


class RequestOut(Schema):
    """A question as operators see it. `answers` counts those that are in; `stand_in` is “model” where its time ran out
    and a model was asked instead."""

    id: int
    run: int
    iteration: int
    kind: str
    audience: Audience
    state: RequestState
    wanted: int
    answers: int
    created_at: datetime
    deadline: datetime | None
    extended: int
    stand_in: str
    answered_at: datetime | None


class RequestQuery(Paging):
    sort: Literal["created", "-created"] = "-created"
    run: int | None = Field(None, ge=1, lt=2**63)
    state: RequestState | None = None
    audience: Audience | None = None


@router.route("GET", "/requests", Action.FEEDBACK_READ, {200: Page[RequestOut]})
def feedback_request_list(request: ApiRequest, query: Query[RequestQuery]) -> Page[RequestOut]:
    """The workspace's questions, for those who operate runs."""
    wanted = query.model_dump(include={"run", "state", "audience"}, exclude_none=True)
    questions = request.auth.workspace.feedback_requests.filter(**wanted).prefetch_related("answers")
    rows, following = page_of(questions, query, sort=query.sort, fields={"created": "pk"})
    return Page(items=[_request(row) for row in rows], next=following)


@router.route("POST", "/claim", Action.FEEDBACK_ANSWER, {200: ClaimOut, 204: None})
def feedback_claim(request: ApiRequest) -> Status[ClaimOut | None]:
    """The next question for the caller, held for some minutes; 204 when nothing waits for them."""
    claim = _next(request)
    return Status(200, claim) if claim else Status(204, None)


@router.route("POST", "/ahead", Action.FEEDBACK_ANSWER, {200: ClaimOut, 204: None})
def feedback_ahead(request: ApiRequest, query: Query[Ahead]) -> Status[ClaimOut | None]:
    """A question after the one that the caller holds, reserved softly: it comes under the same fence, unless somebody
    for whom nothing else waits takes it over. 204 where nothing is held or nothing else waits."""
    claim = claim_ahead(workspace=request.auth.workspace, user=request.auth.user, place=query.place)
    return Status(200, claim_out(claim)) if claim else Status(204, None)


@router.route(
    "POST", "/requests/{request_id}/heartbeat", Action.FEEDBACK_ANSWER, {200: HeldUntil}, problems=(404,)
)
def feedback_heartbeat(request: ApiRequest, request_id: Id, payload: Fence) -> HeldUntil:
    """Holds the question on; a 409 says that it is somebody else's by now."""
    claim = claim_renew(
        request=request_found(request, request_id), user=request.auth.user, fence=payload.fence
    )
    return HeldUntil(fence=claim.fence, expires_at=claim.expires_at)


@router.route(
    "POST", "/requests/{request_id}/answer", Action.FEEDBACK_ANSWER, {201: Answered}, problems=(404,)
)
def feedback_answer(request: ApiRequest, request_id: Id, payload: AnswerIn) -> Answered:
    """Stores the answer, once, and claims the next question."""
    answer = answer_submit(
        request=request_found(request, request_id),
        user=request.auth.user,
        fence=payload.fence,
        client_key=payload.client_key,
        body=payload.body,
        seconds=payload.seconds,
    )
    return Answered(answer_id=answer.pk, next=_next(request))


@router.route(
    "POST", "/requests/{request_id}/preview", Action.FEEDBACK_ANSWER, {200: PreviewOut}, problems=(404,)
)
def feedback_preview(request: ApiRequest, request_id: Id, payload: DraftIn) -> PreviewOut:
    """How an answer would be read if it were sent, output by output in the order shown. Nothing is stored."""
    readings = answer_preview(
        request=request_found(request, request_id), user=request.auth.user, body=payload.body
    )
    return PreviewOut(outputs=[ReadingOut(**vars(reading)) for reading in readings])


@router.route("POST", "/requests/{request_id}/skip", Action.FEEDBACK_ANSWER, {200: Next}, problems=(404,))
def feedback_skip(request: ApiRequest, request_id: Id, payload: SkipIn) -> Next:
    """Passes the question on to others for good, and claims the next."""
    request_skip(request=request_found(request, request_id), user=request.auth.user, reason=payload.reason)
    return Next(next=_next(request))


@router.route("POST", "/requests/{request_id}/release", Action.FEEDBACK_ANSWER, {204: None}, problems=(404,))
def feedback_release(request: ApiRequest, request_id: Id, payload: Fence) -> None:
    """Puts the question off: others may take it, and it comes back to the caller when nothing else waits."""
    claim_release(request=request_found(request, request_id), user=request.auth.user, fence=payload.fence)


@router.route(
    "PUT",
    "/requests/{request_id}/draft",
    Action.FEEDBACK_ANSWER,
    {204: None},
    problems=(404, 409),
)
def feedback_draft(request: ApiRequest, request_id: Id, payload: DraftIn) -> None:
    """Keeps an unfinished answer in place of the one before."""
    draft_save(request=request_found(request, request_id), user=request.auth.user, body=payload.body)


def request_found(request: ApiRequest, request_id: int) -> FeedbackRequest:
    found = question_of(workspace=request.auth.workspace, request_id=request_id)
    if found is None:
        raise missing("feedback request", request_id)
    return found


def _next(request: ApiRequest) -> ClaimOut | None:
    claim = claim_next(workspace=request.auth.workspace, user=request.auth.user)
    return claim_out(claim) if claim else None


def claim_out(claim: Claim) -> ClaimOut:
    asked = claim.request
    return ClaimOut(
        request=QuestionOut(
            id=asked.pk,
            kind=asked.kind,
            iteration=asked.iteration,
            question=question_shown(request=asked, user=claim.user),
        ),
        fence=claim.fence,
        expires_at=claim.expires_at,
        deadline=asked.ends_at,
        draft=draft_load(request=asked, user=claim.user),
    )


def _request(row: FeedbackRequest) -> RequestOut:
    return RequestOut(
        id=row.pk,
        run=row.run_id,
        iteration=row.iteration,
        kind=row.kind,
        audience=Audience(row.audience),
        state=RequestState(row.state),
        wanted=row.wanted,
        answers=len(row.answers.all()),
        created_at=row.created_at,
        deadline=row.ends_at,
        extended=row.extended,
        stand_in=row.stand_in,
        answered_at=row.answered_at,
    )
