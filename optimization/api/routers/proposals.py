"""Proposals of runs that ask a person before each step: read, and decided on."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ninja import Query, Schema
from pydantic import ConfigDict, Field

from optimization.accounts.permissions import Action
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.routers.history import ChangeOut
from optimization.api.routers.runs import run_found
from optimization.api.subjects import Subject
from optimization.models import Decision, ProposalReview
from optimization.runs.selectors import review_changes, review_scores
from optimization.runs.services import proposal_decide

router = Subject("runs")


class ProposalOut(Schema):
    """`decision` is null while it waits. One that nobody made by `due_at` is a rejection, and `decided_by` is empty. Scores are within 0..1: of what was judged with both the prompts in force and
    the proposal, where the algorithm compares them."""

    id: int
    iteration: int
    decision: Decision | None
    reason: str
    decided_by: str
    decided_at: datetime | None
    created_at: datetime
    due_at: datetime | None
    changes: list[ChangeOut]
    score_before: float | None
    score_after: float | None


class DecisionIn(Schema):
    """`values` are an edit's texts by parameter name, those that differ from the proposal; `reason` is required of a
    rejection."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["approved", "edited", "rejected"]
    values: dict[str, str] = Field({}, max_length=1000)
    reason: str = Field("", max_length=2000)


class ProposalQuery(Paging):
    sort: Literal["created", "-created"] = "-created"
    waiting: bool | None = Field(None, description="Only those that wait for a decision, or only the others.")


@router.route("GET", "/{run_id}/proposals", Action.RUNS_READ, {200: Page[ProposalOut]}, problems=(404,))
def run_proposal_list(request: ApiRequest, run_id: Id, query: Query[ProposalQuery]) -> Page[ProposalOut]:
    """What the optimizer proposed in a run that asks a person, and what was decided."""
    reviews = run_found(request, run_id).reviews.select_related("run", "decided_by")
    if query.waiting is not None:
        reviews = reviews.filter(decision="") if query.waiting else reviews.exclude(decision="")
    rows, following = page_of(reviews, query, sort=query.sort, fields={"created": "pk"})
    return Page(items=[_proposal(row) for row in rows], next=following)


@router.route(
    "POST",
    "/{run_id}/proposals/{proposal_id}/decision",
    Action.RUNS_WRITE,
    {200: ProposalOut},
    problems=(404,),
)
def run_proposal_decide(request: ApiRequest, run_id: Id, proposal_id: Id, payload: DecisionIn) -> ProposalOut:
    """Takes the proposal, takes it as edited, or keeps the prompts in force; the run goes on from there."""
    review = run_found(request, run_id).reviews.filter(pk=proposal_id).first()
    if review is None:
        raise missing("proposal", proposal_id)
    decided = proposal_decide(
        review=review,
        user=request.auth.user,
        decision=payload.decision,
        values=payload.values,
        reason=payload.reason,
    )
    return _proposal(decided)


def _proposal(review: ProposalReview) -> ProposalOut:
    scores = review_scores(review)
    return ProposalOut(
        id=review.pk,
        iteration=review.iteration,
        decision=Decision(review.decision) if review.decision else None,
        reason=review.reason,
        decided_by=review.decided_by.get_username() if review.decided_by else "",
        decided_at=review.decided_at,
        created_at=review.created_at,
        due_at=review.due_at,
        changes=[
            ChangeOut(
                version=change.version,
                name=change.name,
                before=change.before,
                after=change.after,
                accepted=change.accepted,
            )
            for change in review_changes(review)
        ],
        score_before=scores.before,
        score_after=scores.after,
    )
