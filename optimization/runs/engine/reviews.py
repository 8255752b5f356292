"""Proposals put to a person: the work item of an Approve effect waits, and the decision is its result.

A proposal has as long as a question has; the prompts in force are kept where nobody decides in that time.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from optimization.models import Decision, Effect, ProposalReview, Run, WorkItem, WorkState
from optimization.runs.people import name_of
from optimization.trainers.effects import Approval, Proposal


def review_open(row: Effect, proposal: Proposal, within: timedelta | None) -> ProposalReview:
    """Let the effect's item wait for a decision, or end with the one that somebody already made of this very proposal."""
    item = WorkItem.objects.get(effect=row)
    review, _ = ProposalReview.objects.update_or_create(
        run_id=row.run_id,
        iteration=row.iteration,
        ordinal=row.ordinal,
        proposal=proposal.candidate,
        defaults={"item": item},
    )
    if review.lapsed or not review.decision:
        review.decision, review.reason, review.decided_at = "", "", None
        review.save(update_fields=["decision", "reason", "decided_at"])
        ProposalReview.objects.filter(pk=review.pk).update(due_at=within and Now() + within)
    item.state = WorkState.DONE if review.decision else WorkState.WAITING
    item.result = approval_of(review).model_dump(mode="json") if review.decision else None
    item.save(update_fields=["state", "result"])
    return review


def approval_of(review: ProposalReview) -> Approval:
    """The decision as the algorithm is told of it."""
    return Approval.model_validate(
        {"decision": review.decision, "candidate": review.candidate or review.proposal}
    )


def reviews_lapse(reviews: QuerySet[ProposalReview], reason: str) -> None:
    """Keep the prompts in force: nobody has decided on these proposals in time."""
    for review in reviews.select_related("item"):
        review.decision, review.reason = Decision.REJECTED, reason
        review.save(update_fields=["decision", "reason"])
        ProposalReview.objects.filter(pk=review.pk).update(decided_at=Now())
        WorkItem.objects.filter(review=review, state=WorkState.WAITING).update(
            state=WorkState.DONE, result=approval_of(review).model_dump(mode="json"), done_at=Now()
        )


def rejection_words(run: Run) -> str:
    """Who turned down what the iteration proposed; empty if it was not turned down."""
    review = ProposalReview.objects.filter(
        run=run, iteration=run.iteration, decision=Decision.REJECTED, item__isnull=False
    ).last()
    if review is None:
        return ""
    return f"rejected by {name_of(review.decided_by)}" if review.decided_by else "not decided on in time"
