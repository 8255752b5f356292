"""Questions and proposals whose time has run out, by the database's clock: what the run does then was declared at its launch.

The sweeper and `advance` both look; whoever comes first does it, under the run's lock, and the other finds nothing.
A run that stands still lets no time run out: what was left when it stopped is left when it goes on.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now

from optimization.feedback.notices import queue_changed
from optimization.models import (
    FeedbackRequest,
    ProposalReview,
    RequestState,
    Run,
    RunState,
    WorkItem,
    WorkState,
)
from optimization.models.feedback import NEVER
from optimization.runs.config import People
from optimization.runs.engine.reviews import reviews_lapse
from optimization.runs.events import event_emit
from optimization.runs.states import run_move
from optimization.runs.words import counted, span_in_words


def deadlines_sweep() -> None:
    """Every running run in which time has run out."""
    running = {"item__isnull": False, "run__state": RunState.RUNNING}
    asked = FeedbackRequest.objects.filter(state=RequestState.OPEN, deadline__lte=Now(), **running)
    proposed = ProposalReview.objects.filter(decision="", due_at__lte=Now(), **running)
    runs = {*asked.values_list("run", flat=True), *proposed.values_list("run", flat=True)}
    for run_id in sorted(runs):
        with transaction.atomic():
            run = Run.objects.select_for_update(of=("self",)).get(pk=run_id)
            if run.state == RunState.RUNNING:
                deadlines_carry_out(run)


def deadlines_carry_out(run: Run) -> int:
    """Do what the run's policy says with what is overdue; how much that was. The caller holds the run's lock."""
    return _questions_carry_out(run) + _proposals_carry_out(run)


def _questions_carry_out(run: Run) -> int:
    overdue = FeedbackRequest.objects.filter(
        run=run, state=RequestState.OPEN, deadline__lte=Now(), item__isnull=False
    )
    ids = list(overdue.select_for_update(of=("self",)).values_list("pk", flat=True))
    if not ids:
        return 0
    people = people_of(run)
    within = people.within or timedelta()
    requests = FeedbackRequest.objects.filter(pk__in=ids)
    match people.on_deadline:
        case "extend":
            requests.update(deadline=Now() + within, extended=F("extended") + 1)
        case "stop":
            run_move(
                run, RunState.NEEDS_ATTENTION, _stopped(counted(len(ids), "question"), "answered", people)
            )
        case policy:
            stand_in = "model" if policy == "model" else ""
            requests.update(state=RequestState.EXPIRED, stand_in=stand_in)
            questions_wake(requests)
    event_emit(run.pk, "deadline", {"questions": len(ids), "then": people.on_deadline})
    queue_changed(run.workspace_id)
    return len(ids)


def _proposals_carry_out(run: Run) -> int:
    """A proposal that nobody decides on is not taken; no model decides in an operator's place."""
    overdue = ProposalReview.objects.filter(run=run, decision="", due_at__lte=Now(), item__isnull=False)
    ids = list(overdue.values_list("pk", flat=True))
    if not ids:
        return 0
    people = people_of(run)
    reviews = ProposalReview.objects.filter(pk__in=ids)
    match people.on_deadline:
        case "extend":
            reviews.update(due_at=Now() + (people.within or timedelta()))
        case "stop":
            reviews.update(due_at=None)
            run_move(
                run, RunState.NEEDS_ATTENTION, _stopped(counted(len(ids), "proposal"), "decided on", people)
            )
        case _:
            reviews_lapse(reviews, f"Nobody decided within {span_in_words(people.deadline_minutes)}.")
    event_emit(run.pk, "deadline", {"proposals": len(ids), "then": people.on_deadline})
    return len(ids)


def deadlines_resume(run: Run) -> None:
    """Before a stopped run goes on: give back the time during which it stood still, and the whole time to what it was
    stopped for."""
    within = people_of(run).within
    if within is None:
        return
    waiting = FeedbackRequest.objects.filter(run=run, state=RequestState.OPEN)
    now, since = Run.objects.annotate(now=Now()).values_list("now", "state_since").get(pk=run.pk)
    waiting.filter(deadline__gt=since, deadline__lt=NEVER).update(deadline=F("deadline") + (now - since))
    waiting.filter(deadline__lte=since).update(deadline=Now() + within)
    undecided = ProposalReview.objects.filter(run=run, decision="", item__isnull=False)
    undecided.filter(due_at__isnull=False).update(due_at=F("due_at") + (now - since))
    undecided.filter(due_at=None).update(due_at=Now() + within)


def people_of(run: Run) -> People:
    """Who judges the run, and by when."""
    return People.model_validate(run.config.get("people") or {})


def questions_wake(requests: QuerySet[FeedbackRequest]) -> None:
    """The items that have nobody left to wait for."""
    open_ones = FeedbackRequest.objects.filter(
        item=OuterRef("pk"), state__in=[RequestState.OPEN, RequestState.DISPUTED]
    )
    WorkItem.objects.filter(
        ~Exists(open_ones), feedback_requests__in=requests, state=WorkState.WAITING
    ).update(state=WorkState.DUE, due_at=Now())


def _stopped(what: str, done: str, people: People) -> str:
    verb = "was" if what.startswith("1 ") else "were"
    return (
        f"{what.capitalize()} {verb} not {done} within {span_in_words(people.deadline_minutes)}. "
        "Nothing is lost: what waits goes on waiting. Retry gives it the same time again."
    )
