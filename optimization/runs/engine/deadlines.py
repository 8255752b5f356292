"""Questions whose time has run out, by the database's clock: what the run does with them was declared at its launch.

The sweeper and `advance` both look; whoever comes first does it, under the run's lock, and the other finds nothing.
A run that stands still lets no time run out: what was left when it stopped is left when it goes on.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now

from optimization.feedback.notices import queue_changed
from optimization.models import FeedbackRequest, RequestState, Run, RunState, WorkItem, WorkState
from optimization.models.feedback import NEVER
from optimization.runs.config import People
from optimization.runs.events import event_emit
from optimization.runs.states import run_move
from optimization.runs.words import counted, span_in_words


def deadlines_sweep() -> None:
    """Every running run that has questions whose time has run out."""
    due = FeedbackRequest.objects.filter(
        state=RequestState.OPEN, deadline__lte=Now(), item__isnull=False, run__state=RunState.RUNNING
    )
    for run_id in sorted(set(due.values_list("run", flat=True))):
        with transaction.atomic():
            run = Run.objects.select_for_update(of=("self",)).get(pk=run_id)
            if run.state == RunState.RUNNING:
                deadlines_carry_out(run)


def deadlines_carry_out(run: Run) -> int:
    """Do with the run's overdue questions what its policy says; how many there were. The caller holds the run's lock."""
    overdue = FeedbackRequest.objects.filter(
        run=run, state=RequestState.OPEN, deadline__lte=Now(), item__isnull=False
    )
    ids = list(overdue.select_for_update(of=("self",)).values_list("pk", flat=True))
    if not ids:
        return 0
    people = _people(run)
    within = people.within or timedelta()
    requests = FeedbackRequest.objects.filter(pk__in=ids)
    match people.on_deadline:
        case "extend":
            requests.update(deadline=Now() + within, extended=F("extended") + 1)
        case "stop":
            run_move(run, RunState.NEEDS_ATTENTION, _stopped(len(ids), people))
        case policy:
            stand_in = "model" if policy == "model" else ""
            requests.update(state=RequestState.EXPIRED, stand_in=stand_in)
            questions_wake(requests)
    event_emit(run.pk, "deadline", {"questions": len(ids), "then": people.on_deadline})
    queue_changed(run.workspace_id)
    return len(ids)


def deadlines_resume(run: Run) -> None:
    """Before a stopped run goes on: give back the time during which it stood still, and the whole time to questions for
    which it was stopped."""
    within = _people(run).within
    if within is None:
        return
    waiting = FeedbackRequest.objects.filter(run=run, state=RequestState.OPEN)
    now, since = Run.objects.annotate(now=Now()).values_list("now", "state_since").get(pk=run.pk)
    waiting.filter(deadline__gt=since, deadline__lt=NEVER).update(deadline=F("deadline") + (now - since))
    waiting.filter(deadline__lte=since).update(deadline=Now() + within)


def _people(run: Run) -> People:
    return People.model_validate(run.config.get("people") or {})


def questions_wake(requests: QuerySet[FeedbackRequest]) -> None:
    """The items that have nobody left to wait for."""
    open_ones = FeedbackRequest.objects.filter(
        item=OuterRef("pk"), state__in=[RequestState.OPEN, RequestState.DISPUTED]
    )
    WorkItem.objects.filter(
        ~Exists(open_ones), feedback_requests__in=requests, state=WorkState.WAITING
    ).update(state=WorkState.DUE, due_at=Now())


def _stopped(number: int, people: People) -> str:
    verb = "was" if number == 1 else "were"
    return (
        f"{counted(number, 'question').capitalize()} {verb} not answered within {span_in_words(people.deadline_minutes)}. "
        "Nothing is lost: they stay in the queue. Have them answered; Retry gives them the same time again."
    )
