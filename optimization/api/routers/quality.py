"""How good answers are: agreement, gold items, decisions of reviewers, weights."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from ninja import Query, Schema, Status
from pydantic import Field

from optimization.accounts.permissions import Action
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.subjects import Subject
from optimization.feedback.adjudication import requests_disputed
from optimization.feedback.quality.colleague import colleague_figures
from optimization.feedback.quality.figures import quality_figures
from optimization.feedback.quality.weights import weight_set
from optimization.feedback.reviewers import Bench, people_in
from optimization.feedback.services import gold_add, gold_add_many, gold_mark, request_adjudicate
from optimization.losses.questions import QUESTION, Question
from optimization.models import Answer, FeedbackRequest, Run

router = Subject("quality")


class EstimateOut(Schema):
    """With its 95% interval."""

    value: float
    low: float
    high: float


class AgreementOut(Schema):
    kind: str
    questions: int
    people: int
    alpha: float | None = Field(description="Krippendorff's alpha.")
    cohen: float | None = Field(description="Cohen's kappa, the mean over pairs of people.")
    fleiss: float | None
    kendall: float | None = Field(description="Kendall's tau-b, the mean over pairs; of rankings.")


class PersonOut(Schema):
    name: str
    user: int
    weight: float
    answers: int
    seconds: float | None = Field(description="Median time on task.")
    per_hour: float
    agreement: float | None
    drift: float | None
    gold: EstimateOut | None
    gold_answers: int
    first: EstimateOut | None = Field(description="Share of comparisons won by what stood first.")
    first_by_chance: float
    consistent: EstimateOut | None = Field(description="Share of mirrored repeats judged as the first time.")


class DayOut(Schema):
    day: date
    answers: int
    seconds: float | None
    agreement: float | None
    gold: float | None


class QualityOut(Schema):
    answers: int
    since: datetime | None
    agreement: list[AgreementOut]
    people: list[PersonOut]
    days: list[DayOut]
    strengths: list[EstimateOut] = Field(
        description="Bradley-Terry, in the order in which the run numbered outputs."
    )
    gold: EstimateOut | None
    notes: list[str]


class CellOut(Schema):
    """How often the model said one thing where most people said another."""

    model: str
    people: str
    times: int


class ColleagueOut(Schema):
    """The model judge, a colleague and no person: of `asked` questions it `decided` so many alone, and `compared` were
    answered by people too. `alarm` says in words that the two drift apart."""

    asked: int
    decided: int
    compared: int
    agreement: EstimateOut | None
    recent: EstimateOut | None = Field(description="Of the last 30 that were compared.")
    confusion: list[CellOut]
    alarm: str


class QualityQuery(Schema):
    run: int | None = Field(None, ge=1, lt=2**63)


class GoldIn(Schema):
    question: dict[str, Any]
    expected: dict[str, Any]


class GoldRows(Schema):
    rows: list[dict[str, Any]] = Field(
        min_length=1, max_length=1000, description='Each {"question": {…}, "expected": {…}}.'
    )


class RowError(Schema):
    row: int = Field(description="Counted from 0.")
    detail: str


class GoldImported(Schema):
    taken: int
    errors: list[RowError]


class GoldOut(Schema):
    id: int
    kind: str
    question: Question
    expected: dict[str, Any]
    active: bool


class DisputedOut(Schema):
    """A question that waits for a reviewer, with the answers that disagree."""

    id: int
    run: int
    iteration: int
    question: Question
    answers: list[dict[str, Any]]
    yours: bool = Field(
        description="False: one of the answers is the caller's own, and somebody else decides."
    )
    deciders: list[str] = Field(description="Who decides it, by name.")


class DecisionIn(Schema):
    body: dict[str, Any]
    reason: str = Field("", max_length=2000)


class DecisionOut(Schema):
    request: int = Field(description="The question that is decided: of a twin, the one that was asked.")
    body: dict[str, Any]
    reason: str
    in_time: bool = Field(
        description="False: the step had been taken; the decision is kept and changes nothing."
    )
    own_answer: bool = Field(
        description="True: an answer of the reviewer's own was among those that disagree, as nobody else could decide."
    )


class WeightIn(Schema):
    weight: float = Field(ge=0, le=10)


@router.route("GET", "", Action.FEEDBACK_READ, {200: QualityOut}, problems=(404,))
def quality_read(request: ApiRequest, query: Query[QualityQuery]) -> QualityOut:
    """The figures of the workspace's newest answers, or of a run's."""
    found = quality_figures(workspace=request.auth.workspace, run=_run(request, query.run))
    return QualityOut.from_orm(found)


@router.route("GET", "/colleague", Action.FEEDBACK_READ, {200: ColleagueOut, 204: None}, problems=(404,))
def quality_colleague(request: ApiRequest, query: Query[QualityQuery]) -> Status[ColleagueOut | None]:
    """How the model judge compares with people, of the workspace or of a run; 204 where none was asked."""
    found = colleague_figures(workspace=request.auth.workspace, run=_run(request, query.run))
    return Status(200, ColleagueOut.from_orm(found)) if found else Status(204, None)


@router.route("GET", "/gold", Action.FEEDBACK_READ, {200: list[GoldOut]})
def gold_list(request: ApiRequest) -> list[GoldOut]:
    """The newest 200 gold items."""
    return [_gold(gold) for gold in request.auth.workspace.gold.order_by("-pk")[:200]]


@router.route("POST", "/gold", Action.FEEDBACK_REVIEW, {201: GoldOut})
def gold_create(request: ApiRequest, payload: GoldIn) -> GoldOut:
    """Makes a gold item of a question and the answer that it expects."""
    auth = request.auth
    return _gold(
        gold_add(
            workspace=auth.workspace, question=payload.question, expected=payload.expected, user=auth.user
        )
    )


@router.route("POST", "/gold/import", Action.FEEDBACK_REVIEW, {200: GoldImported})
def gold_bulk(request: ApiRequest, payload: GoldRows) -> GoldImported:
    """Makes gold items of many rows: those that fit are taken, and each of the others has its error."""
    taken, wrong = gold_add_many(
        workspace=request.auth.workspace,
        rows=dict(enumerate(payload.rows)),
        user=request.auth.user,
    )
    return GoldImported(taken=taken, errors=[RowError(row=row, detail=detail) for row, detail in wrong])


@router.route("POST", "/answers/{answer_id}/gold", Action.FEEDBACK_REVIEW, {201: GoldOut}, problems=(404,))
def gold_of_answer(request: ApiRequest, answer_id: Id) -> GoldOut:
    """Makes a gold item of what somebody answered: from now on its question expects it."""
    answer = Answer.objects.filter(request__workspace=request.auth.workspace, pk=answer_id).first()
    if answer is None:
        raise missing("answer", answer_id)
    return _gold(gold_mark(answer=answer, user=request.auth.user))


@router.route("DELETE", "/gold/{gold_id}", Action.FEEDBACK_REVIEW, {204: None}, problems=(404,))
def gold_end(request: ApiRequest, gold_id: Id) -> None:
    """Shows a gold item no more; its answers stay."""
    if not request.auth.workspace.gold.filter(pk=gold_id).update(active=False):
        raise missing("gold item", gold_id)


@router.route("GET", "/disputed", Action.FEEDBACK_READ, {200: list[DisputedOut]})
def disputed_list(request: ApiRequest) -> list[DisputedOut]:
    """What waits for a reviewer, 100 at most."""
    bench = Bench.of(request.auth.workspace, request.auth.user)
    return [
        DisputedOut(
            id=one.pk,
            run=one.run_id,
            iteration=one.iteration,
            question=QUESTION.validate_python(one.question),
            answers=[answer.body for answer in one.answers.all()],
            yours=bench.decides(people_in(one)),
            deciders=[user.get_username() for user in bench.deciders(people_in(one))],
        )
        for one in requests_disputed(request.auth.workspace)[:100]
    ]


@router.route(
    "POST", "/requests/{request_id}/decision", Action.FEEDBACK_REVIEW, {201: DecisionOut}, problems=(404,)
)
def request_decide(request: ApiRequest, request_id: Id, payload: DecisionIn) -> DecisionOut:
    """Decides a question; the run reads this in place of the annotators' answers.

    One in which the caller's own answer stands is a 409 while there is somebody else who may decide it.
    """
    found = FeedbackRequest.objects.filter(workspace=request.auth.workspace, pk=request_id).first()
    if found is None:
        raise missing("feedback request", request_id)
    made = request_adjudicate(
        request=found, reviewer=request.auth.user, body=payload.body, reason=payload.reason
    )
    return DecisionOut(
        request=made.request_id,
        body=made.body,
        reason=made.reason,
        in_time=made.in_time,
        own_answer=made.own_answer,
    )


@router.route("PUT", "/weights/{user_id}", Action.FEEDBACK_REVIEW, {204: None}, problems=(404, 409))
def weight_put(request: ApiRequest, user_id: Id, payload: WeightIn) -> None:
    """How often an annotator's answers count in runs that weigh them."""
    if not weight_set(workspace=request.auth.workspace, user_id=user_id, weight=payload.weight):
        raise missing("member", user_id)


def _run(request: ApiRequest, run_id: int | None) -> Run | None:
    if run_id is None:
        return None
    run: Run | None = request.auth.workspace.runs.filter(pk=run_id).first()
    if run is None:
        raise missing("run", run_id)
    return run


def _gold(gold: Any) -> GoldOut:
    return GoldOut(
        id=gold.pk,
        kind=gold.kind,
        question=QUESTION.validate_python(gold.question),
        expected=gold.expected,
        active=gold.active,
    )
