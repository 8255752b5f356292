"""Putting an item to work again because what it has read has changed: an answer edited, or one that came after its time."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from optimization.feedback.signals import item_due
from optimization.models import Answer, FeedbackRequest, LateReading, Run, Tape, WorkItem, WorkState


def run_lock(request: FeedbackRequest) -> None:
    """Lock the question's run until the transaction ends, so that it does not advance meanwhile. Before the question."""
    Run.objects.select_for_update().only("pk").get(pk=request.run_id)


def item_reread(locked: FeedbackRequest) -> bool:
    """Let the items of the question and of its twins read its answers once more; False if all their effects are complete.

    The caller holds the locks of the run and of the question, in this order.
    """
    reread = False
    for one in (locked, *locked.twins.all()):
        reread = _item_reread(one) or reread
    return reread


def _item_reread(request: FeedbackRequest) -> bool:
    open_items = WorkItem.objects.filter(effect__done_at=None)
    item = open_items.select_for_update(of=("self",)).filter(pk=request.item_id or 0).first()
    if item is None:
        return False
    if item.state == WorkState.WAITING:
        return True
    outcomes = item.result if isinstance(item.result, list) else [item.result]
    Tape.objects.filter(pk__in=[one["tape"] for one in outcomes if one and one.get("tape")]).delete()
    # Whoever works at it right now has read the version before: its fence no longer fits.
    WorkItem.objects.filter(pk=item.pk).update(
        state=WorkState.DUE,
        due_at=Now(),
        lease_until=None,
        result=None,
        done_at=None,
        errors=0,
        reopened=F("reopened") + 1,
    )
    announce_later(item.pk, item.run_id)
    return True


def late_reading_add(answer: Answer, version: int = 0) -> None:
    """Remember to count what came after its effect: of answers that are learned from, not of scores."""
    item = answer.request.item
    if item is not None and item.kind == "forward":
        LateReading.objects.create(run_id=answer.request.run_id, answer=answer, version=version)


def announce_later(item_id: int | None, run_id: int) -> None:
    """After commit: the item may go on."""
    transaction.on_commit(
        lambda: item_due.send_robust(sender=FeedbackRequest, item_id=item_id, run_id=run_id)
    )
