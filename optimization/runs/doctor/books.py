"""A run's own row: its state, its events, its money."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum

from optimization.models import Call, Run, RunEvent, RunState, WorkState
from optimization.runs.doctor.findings import Finding

OVER = (RunState.FINISHED, RunState.CANCELLED)
A_CENT_S_HUNDREDTH = 1e-4


def states(runs: QuerySet[Run]) -> Iterator[Finding]:
    for run in runs.filter(state__in=OVER, finished_at=None):
        yield Finding(
            f"It is {run.get_state_display().lower()} and does not say since when.",
            run,
            partial(Run.objects.filter(pk=run.pk, finished_at=None).update, finished_at=F("state_since")),
        )
    for run in runs.exclude(state__in=OVER).exclude(finished_at=None):
        yield Finding(
            f"It is {run.get_state_display().lower()} and says when it ended.",
            run,
            partial(Run.objects.filter(pk=run.pk).exclude(state__in=OVER).update, finished_at=None),
        )
    for run in runs.filter(state__in=[RunState.NEEDS_ATTENTION, RunState.PAUSED], reason=""):
        yield Finding(f"It is {run.get_state_display().lower()} and gives no reason.", run)


def events(runs: QuerySet[Run]) -> Iterator[Finding]:
    counted = RunEvent.objects.filter(run__in=runs).order_by().values_list("run")
    seqs = {
        run: (count, first, last)
        for run, count, first, last in counted.annotate(Count("pk"), Min("seq"), Max("seq"))
    }
    for run in runs:
        count, first, last = seqs.get(run.pk, (0, 1, 0))
        if last > run.event_seq:
            behind = Run.objects.filter(pk=run.pk, event_seq__lt=last)
            yield Finding(
                f"Its next event would be numbered {run.event_seq + 1}, and there is one with the number {last}.",
                run,
                partial(behind.update, event_seq=last),
            )
        elif (count, first, last) not in {(last, 1, run.event_seq), (0, 1, 0)} or last < run.event_seq:
            yield Finding(
                f"{run.event_seq} events were numbered, and {count} are there: pages that follow it may miss something.",
                run,
            )


def budgets(runs: QuerySet[Run]) -> Iterator[Finding]:
    """Each dollar that is set aside is so for a call that an item's holder makes just now (decision 1)."""
    costs = dict(Call.objects.filter(run__in=runs).order_by().values_list("run").annotate(cost=Sum("cost")))
    for run in runs.filter(budget__isnull=False):
        cost = costs.get(run.pk, 0.0)
        if run.spent < cost - A_CENT_S_HUNDREDTH:
            behind = Run.objects.filter(pk=run.pk, spent=run.spent)
            yield Finding(
                f"Its calls cost ${cost:.4f}, and it counts ${run.spent:.4f} as spent.",
                run,
                partial(behind.update, spent=cost),
            )
        if max(run.spent, cost) > float(run.budget or 0) + A_CENT_S_HUNDREDTH:
            yield Finding(f"It has spent ${max(run.spent, cost):.4f} of a budget of ${run.budget:.4f}.", run)
    held = Sum("work__set_aside", filter=Q(work__state=WorkState.LEASED), default=0.0)
    for run in runs.filter(budget__isnull=False).annotate(held=held):
        if run.reserved > run.held + A_CENT_S_HUNDREDTH:
            still = Run.objects.filter(pk=run.pk, reserved=run.reserved)
            yield Finding(
                f"It has set ${run.reserved:.4f} aside, and calls under way account for ${run.held:.4f}.",
                run,
                partial(still.update, reserved=run.held),
            )
    for run in runs.filter(Q(spent__lt=0) | Q(reserved__lt=-A_CENT_S_HUNDREDTH)):
        yield Finding(f"It counts ${run.spent:.4f} as spent and ${run.reserved:.4f} as set aside.", run)
