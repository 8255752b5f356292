"""Proposals put to a person: the work item of an Approve effect waits, and the decision is its result."""

from __future__ import annotations

from optimization.models import Decision, Effect, ProposalReview, Run, WorkItem, WorkState
from optimization.runs.people import name_of
from optimization.trainers.effects import Approval, Proposal


def review_open(row: Effect, proposal: Proposal) -> ProposalReview:
    """Let the effect's item wait for a decision, or end with the one that was already made of this very proposal."""
    item = WorkItem.objects.get(effect=row)
    review, _ = ProposalReview.objects.update_or_create(
        run_id=row.run_id,
        iteration=row.iteration,
        ordinal=row.ordinal,
        proposal=proposal.candidate,
        defaults={"item": item},
    )
    item.state = WorkState.DONE if review.decision else WorkState.WAITING
    item.result = approval_of(review).model_dump(mode="json") if review.decision else None
    item.save(update_fields=["state", "result"])
    return review


def approval_of(review: ProposalReview) -> Approval:
    """The decision as the algorithm is told of it."""
    return Approval.model_validate(
        {"decision": review.decision, "candidate": review.candidate or review.proposal}
    )


def rejection_words(run: Run) -> str:
    """Who turned down what the iteration proposed; empty if nobody did."""
    review = ProposalReview.objects.filter(
        run=run, iteration=run.iteration, decision=Decision.REJECTED, item__isnull=False
    ).last()
    if review is None or review.decided_by is None:
        return ""
    return f"rejected by {name_of(review.decided_by)}"
