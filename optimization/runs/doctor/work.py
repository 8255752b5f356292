"""Work items: who holds them, what they left, what they wait for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from optimization.models import (
    FeedbackRequest,
    ProposalReview,
    RequestState,
    Run,
    RunState,
    Tape,
    WorkItem,
    WorkState,
)
from optimization.runs.doctor.findings import Finding
from optimization.runs.engine.leases import expire
from optimization.runs.results import outcomes_of
from optimization.runs.signals import run_due
from optimization.runs.words import counted

ENDED = (WorkState.DONE, WorkState.FAILED)
UNTAKEN_SECONDS = 600


def leases(runs: QuerySet[Run]) -> Iterator[Finding]:
    held = WorkItem.objects.filter(run__in=runs).select_related("run", "effect")
    unswept = Q(lease_until__lt=Now() - timedelta(seconds=settings.LEASE_SECONDS))
    for item in held.filter(unswept, state=WorkState.LEASED):
        yield Finding(
            f"The lease of {_named(item)} ran out at {item.lease_until:%H:%M:%S} and was not swept: no sweeper runs.",
            item.run,
            expire,
        )
    for item in held.filter(state=WorkState.LEASED, lease_until=None):
        back = WorkItem.objects.filter(pk=item.pk, state=WorkState.LEASED, lease_until=None)
        again = partial(back.update, state=WorkState.DUE, due_at=Now(), fence=F("fence") + 1)
        yield Finding(f"{_named(item).capitalize()} is leased without an end.", item.run, again)
    for item in held.exclude(state=WorkState.LEASED).exclude(lease_until=None):
        free = WorkItem.objects.filter(pk=item.pk).exclude(state=WorkState.LEASED)
        yield Finding(
            f"{_named(item).capitalize()} is {item.state} and still bears a lease.",
            item.run,
            partial(free.update, lease_until=None),
        )


def results(runs: QuerySet[Run]) -> Iterator[Finding]:
    """What a stale holder sends is discarded: a result without a lease, or of work that is open, came another way."""
    items = WorkItem.objects.filter(run__in=runs).select_related("run", "effect").exclude(kind="approve")
    for item in items.filter(state=WorkState.DONE, fence=0):
        yield Finding(f"{_named(item).capitalize()} has a result, and nobody ever held it.", item.run)
    for item in items.filter(state__in=ENDED).exclude(settled=None).exclude(settled=F("fence")):
        yield Finding(
            f"{_named(item).capitalize()} was ended by the holder of its lease number {item.settled}, and the last is number {item.fence}.",
            item.run,
        )
    for item in items.exclude(state__in=ENDED).exclude(result=None):
        yield Finding(f"{_named(item).capitalize()} is {item.state} and has a result already.", item.run)
    for item in items.filter(state__in=ENDED, done_at=None):
        ended = WorkItem.objects.filter(pk=item.pk, state__in=ENDED, done_at=None)
        yield Finding(
            f"{_named(item).capitalize()} is {item.state} and does not say since when.",
            item.run,
            partial(ended.update, done_at=Now()),
        )


def waiting(runs: QuerySet[Run]) -> Iterator[Finding]:
    asked = FeedbackRequest.objects.filter(item=OuterRef("pk"))
    undecided = ProposalReview.objects.filter(item=OuterRef("pk"), decision="")
    parked = WorkItem.objects.filter(
        ~Exists(asked.filter(state=RequestState.OPEN)),
        ~Exists(undecided),
        run__in=runs,
        run__state__in=[RunState.RUNNING, RunState.PAUSED, RunState.NEEDS_ATTENTION],
        state=WorkState.WAITING,
    )
    for item in parked.annotate(was_asked=Exists(asked)).select_related("run", "effect"):
        why = "its questions are answered" if item.was_asked else "nobody was asked anything"
        still = WorkItem.objects.filter(~Exists(asked.filter(state=RequestState.OPEN)), pk=item.pk)
        yield Finding(
            f"{_named(item).capitalize()} waits for people, and {why}.",
            item.run,
            None
            if item.kind == "approve"
            else partial(still.filter(state=WorkState.WAITING).update, state=WorkState.DUE, due_at=Now()),
        )


def untaken(runs: QuerySet[Run]) -> Iterator[Finding]:
    long_since = Now() - timedelta(seconds=UNTAKEN_SECONDS)
    due = Q(work__state=WorkState.DUE, work__due_at__lt=long_since)
    counts = runs.filter(due, state=RunState.RUNNING).annotate(items=Count("work"), since=Min("work__due_at"))
    for run in counts:
        yield Finding(
            f"{counted(run.items, 'work item')} {'has' if run.items == 1 else 'have'} been due since "
            f"{run.since:%d %b, %H:%M} UTC and nobody takes them: is a worker running?",
            run,
            partial(_nudge, run.pk),
        )


def tapes(runs: QuerySet[Run]) -> Iterator[Finding]:
    """Of iterations whose backward is still to come."""
    done = WorkItem.objects.filter(
        run__in=runs,
        kind="forward",
        state=WorkState.DONE,
        late=False,
        effect__iteration=F("run__iteration"),
        run__state__in=[RunState.RUNNING, RunState.PAUSED, RunState.NEEDS_ATTENTION],
    )
    for item in done.select_related("run", "effect").iterator(200):
        wanted = {outcome.tape for outcome in outcomes_of(item) if outcome.tape}
        missing = wanted - set(Tape.objects.filter(pk__in=wanted).values_list("pk", flat=True))
        if missing:
            yield Finding(f"{_named(item).capitalize()} is done, and its tape is missing.", item.run)


def _nudge(run_id: int) -> bool:
    """A nudge hurries; it mends nothing where no worker runs, so that the finding stays."""
    run_due.send(sender=Run, run_id=run_id)
    return False


def _named(item: WorkItem) -> str:
    place = f" of example {item.payload['example'] + 1}" if "example" in item.payload else ""
    return f"the {item.kind}{place} in iteration {item.effect.iteration + 1} (item {item.pk})"
