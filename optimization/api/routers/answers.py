"""One's own answers: what was said, version by version, and another version of it.

Like questions, answers come and go in the terms in which the caller saw the question.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ninja import Query, Schema
from pydantic import Field

from optimization.accounts.permissions import Action
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.subjects import Subject
from optimization.feedback.edits import answer_newest
from optimization.feedback.selectors import answers_of
from optimization.feedback.services import answer_edit, question_shown
from optimization.feedback.showings import body_shown
from optimization.losses.questions import Question
from optimization.models import Answer, RequestState

router = Subject("feedback")


class OwnAnswerOut(Schema):
    """`body` is the newest version; `state` is its question's."""

    id: int
    request: int
    run: int
    iteration: int
    kind: str
    state: RequestState
    body: dict[str, Any]
    versions: int = Field(description="1 for an answer that was never changed.")
    created_at: datetime


class AnswerVersionOut(Schema):
    """A `late` version came after the step of its iteration, and is counted by a later one."""

    number: int
    body: dict[str, Any]
    late: bool
    created_at: datetime


class AnswerHistoryOut(OwnAnswerOut):
    question: Question
    history: list[AnswerVersionOut] = Field(description="Oldest first; empty if it was never changed.")


class AnswerEdit(Schema):
    body: dict[str, Any]
    seconds: float = Field(0.0, ge=0, le=86_400)


class OwnAnswerQuery(Paging):
    sort: Literal["created", "-created"] = "-created"


@router.route("GET", "/answers", Action.FEEDBACK_ANSWER, {200: Page[OwnAnswerOut]})
def feedback_answer_list(request: ApiRequest, query: Query[OwnAnswerQuery]) -> Page[OwnAnswerOut]:
    """The caller's own answers, the newest first."""
    answers = answers_of(workspace=request.auth.workspace, user=request.auth.user)
    rows, following = page_of(answers, query, sort=query.sort, fields={"created": "pk"})
    return Page(items=[OwnAnswerOut(**_own(row)) for row in rows], next=following)


@router.route("GET", "/answers/{answer_id}", Action.FEEDBACK_ANSWER, {200: AnswerHistoryOut}, problems=(404,))
def feedback_answer_read(request: ApiRequest, answer_id: Id) -> AnswerHistoryOut:
    """One of the caller's answers with its question, as it was shown, and every version."""
    return _history(_found(request, answer_id))


@router.route(
    "PUT", "/answers/{answer_id}", Action.FEEDBACK_ANSWER, {200: AnswerHistoryOut}, problems=(404, 409)
)
def feedback_answer_edit(request: ApiRequest, answer_id: Id, payload: AnswerEdit) -> AnswerHistoryOut:
    """Another version of the answer: it counts at once while its step has not been taken, else in a later one."""
    found = _found(request, answer_id)
    answer_edit(answer=found, user=request.auth.user, body=payload.body, seconds=payload.seconds)
    return _history(_found(request, answer_id))


def _found(request: ApiRequest, answer_id: int) -> Answer:
    own = answers_of(workspace=request.auth.workspace, user=request.auth.user)
    found = own.filter(pk=answer_id).first()
    if found is None:
        raise missing("answer", answer_id)
    return found


def _own(answer: Answer) -> dict[str, Any]:
    asked = answer.request
    return {
        "id": answer.pk,
        "request": asked.pk,
        "run": asked.run_id,
        "iteration": asked.iteration,
        "kind": asked.kind,
        "state": asked.state,
        "body": body_shown(answer=answer, body=answer_newest(answer)),
        "versions": len(answer.versions.all()) or 1,
        "created_at": answer.created_at,
    }


def _history(answer: Answer) -> AnswerHistoryOut:
    return AnswerHistoryOut(
        **_own(answer),
        question=question_shown(request=answer.request, user=answer.user),
        history=[
            AnswerVersionOut(
                number=version.number,
                body=body_shown(answer=answer, body=version.body),
                late=version.late,
                created_at=version.created_at,
            )
            for version in answer.versions.all()
        ],
    )
