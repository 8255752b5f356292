"""A person's own desk: what waits for them and why nothing does, what they passed on, and taking that back."""

from __future__ import annotations

from datetime import datetime

from ninja import Query, Schema
from pydantic import Field

from optimization.accounts.permissions import Action
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.routers.feedback import ClaimOut, claim_out, request_found
from optimization.api.subjects import Subject
from optimization.feedback.ahead import reservations_of
from optimization.feedback.counts import COUNT_CAP, queue_counts
from optimization.feedback.selectors import queue_waiting_reason
from optimization.feedback.services import skip_undo
from optimization.feedback.skips import skips_of

router = Subject("feedback")


class DeskOut(Schema):
    """`reason` says what an empty queue waits for; it is empty while the caller holds something or something waits."""

    today: int = Field(description="The caller's answers since midnight.")
    waiting: int = Field(description=f"What they could judge now, {COUNT_CAP} at most.")
    others: list[str] = Field(description="Who else judges at this moment, three at most.")
    reason: str


class SkipOut(Schema):
    request: int
    run: int
    kind: str
    reason: str
    created_at: datetime


@router.route("GET", "/desk", Action.FEEDBACK_ANSWER, {200: DeskOut})
def feedback_desk(request: ApiRequest) -> DeskOut:
    """What waits for the caller, how much they have done today, and who judges beside them."""
    workspace, user = request.auth.workspace, request.auth.user
    counts = queue_counts(request.auth.membership)
    held = reservations_of(user.pk, workspace.pk).exists()
    return DeskOut(
        today=counts.today,
        waiting=counts.waiting,
        others=list(counts.others),
        reason="" if counts.waiting or held else queue_waiting_reason(workspace=workspace, user=user),
    )


@router.route("GET", "/skips", Action.FEEDBACK_ANSWER, {200: Page[SkipOut]})
def feedback_skip_list(request: ApiRequest, query: Query[Paging]) -> Page[SkipOut]:
    """What the caller has passed on and could still take back, the newest first."""
    skips = skips_of(workspace=request.auth.workspace, user=request.auth.user)
    rows, following = page_of(skips, query, sort="-created", fields={"created": "pk"})
    return Page(
        items=[
            SkipOut(
                request=row.request_id,
                run=row.request.run_id,
                kind=row.request.kind,
                reason=row.reason,
                created_at=row.created_at,
            )
            for row in rows
        ],
        next=following,
    )


@router.route(
    "POST", "/requests/{request_id}/take-back", Action.FEEDBACK_ANSWER, {200: ClaimOut}, problems=(404,)
)
def feedback_take_back(request: ApiRequest, request_id: Id) -> ClaimOut:
    """Takes a skip back and claims the question; a 409 says that others have it by now."""
    claim = skip_undo(request=request_found(request, request_id), user=request.auth.user)
    claim.user = request.auth.user
    return claim_out(claim)
