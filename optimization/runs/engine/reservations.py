"""What a lost lease had set aside of a run's budget: settled with the lease, so that no kill eats a budget.

Its calls may have been billed, and nobody will know: each is charged at what the run's calls have cost on average, at most
what was set aside for it, and at that where nothing is known yet.
"""

from __future__ import annotations

from django.db.models import Avg, F, QuerySet
from django.db.models.functions import Greatest

from optimization.models import Call, Run, WorkItem


def reservations_settle(lost: QuerySet[WorkItem]) -> None:
    """Of the items whose leases are about to be taken back, in the caller's transaction."""
    holding = lost.filter(calls_out__gt=0)
    for run_id in sorted(set(holding.values_list("run", flat=True))):
        run = Run.objects.select_for_update(of=("self",)).get(pk=run_id)
        _settle(run, holding.filter(run=run))


def _settle(run: Run, holding: QuerySet[WorkItem]) -> None:
    usual = Call.objects.filter(run=run, cost__gt=0).aggregate(cost=Avg("cost"))["cost"]
    for item in holding.select_for_update(of=("self",)):
        charged = item.set_aside if usual is None else min(usual * item.calls_out, item.set_aside)
        Run.objects.filter(pk=run.pk).update(
            reserved=Greatest(F("reserved") - item.set_aside, 0.0), spent=F("spent") + charged
        )
        WorkItem.objects.filter(pk=item.pk).update(set_aside=0.0, calls_out=0)
