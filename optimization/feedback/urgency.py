"""How much run time an answer frees: the first thing by which the queue is ordered, kept on each question's row.

A run that has nothing left to do but wait loses time until its last answer is in. An answer brings that moment closer
by its share: a run that waits for few answers, and has waited long, gains most by each. This is the rule of the highest
response ratio, which shortens the sum of all waits and yet lets no run wait for ever:

    gain = (seconds waited + s) / (answers missing x s)        s: the seconds that an answer takes

The row keeps round(log2(gain)), so that a run's rows are written again only when its gain has doubled or halved. The
sweeper calls `urgency_refresh`; questions of a run that still has other work stay IDLE, behind all those that block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import DateTimeField, Exists, F, Func, IntegerField, OuterRef, Q, Subquery
from django.utils import timezone

from optimization.feedback.lanes import ORDER, waiting
from optimization.models import Activity, Audience, FeedbackRequest, RequestState, Run, RunState
from optimization.models.runs import IDLE

SECONDS_AN_ANSWER = 30.0
COUNTED = 20_000
CHUNK = 1_000
CHUNKS = 5


def gain_of(waited: float, missing: int) -> int:
    """The row's urgency, above IDLE, for a run that waits since `waited` seconds for `missing` answers."""
    gain = (max(waited, 0.0) + SECONDS_AN_ANSWER) / (max(missing, 1) * SECONDS_AN_ANSWER)
    return max(IDLE + 1, round(math.log2(gain)))


def urgency_refresh(now: datetime | None = None) -> int:
    """Bring the rows up to date, the head of each run first and CHUNKS x CHUNK of a run at a time; gives how many."""
    checks_withdraw()
    return sum(_write(run, urgency) for run, urgency in _changed(now or timezone.now()))


class _Over(Func):
    """A figure of a subquery's rows, `asked`."""

    template = "(SELECT %(figure)s FROM %(expressions)s AS asked)"


def _changed(now: datetime) -> Iterator[tuple[int, int]]:
    """Each run whose rows have another urgency than they should, by primary key, and which: read in two statements."""
    asking = FeedbackRequest.objects.filter(
        run=OuterRef("pk"), state=RequestState.OPEN, audience=Audience.PEOPLE
    ).order_by("pk")
    blocked = Q(state=RunState.RUNNING, activity=Activity.PEOPLE)
    places = asking.annotate(places=F("wanted") - F("taken")).values("places")
    since = _Over(
        Subquery(asking.values("created_at")[:COUNTED]),
        figure="MIN(asked.created_at)",
        output_field=DateTimeField(),
    )
    missing = _Over(Subquery(places[:COUNTED]), figure="SUM(asked.places)", output_field=IntegerField())
    waits = Run.objects.filter(blocked).annotate(since=since, missing=missing).exclude(since=None)
    for run, urgency, begun, wanted in waits.values_list("pk", "urgency", "since", "missing"):
        if (due := gain_of((now - begun).total_seconds(), wanted)) != urgency:
            yield run, due
    idle = Run.objects.filter(~(blocked & Exists(asking)), urgency__gt=IDLE)
    for run in idle.values_list("pk", flat=True):
        yield run, IDLE


def _write(run: int, urgency: int) -> int:
    """The run's own row last, so that what is cut short is taken up again."""
    written = 0
    for _ in range(CHUNKS):
        with transaction.atomic():
            stale = waiting().filter(run=run).exclude(urgency=urgency).order_by(*ORDER)
            rows = list(stale.select_for_update(skip_locked=True).values_list("pk", flat=True)[:CHUNK])
            written += FeedbackRequest.objects.filter(pk__in=rows).update(urgency=urgency)
        if len(rows) < CHUNK:
            Run.objects.filter(pk=run).update(urgency=urgency)
            break
    return written


def checks_withdraw() -> int:
    """Take gold items and repeats out of the queue whose run has no question left to mix them with."""
    open_ones = FeedbackRequest.objects.filter(state=RequestState.OPEN)
    checked = open_ones.filter(audience=Audience.CHECK).order_by().values_list("run", flat=True).distinct()
    done = [run for run in checked if not open_ones.filter(audience=Audience.PEOPLE, run=run).exists()]
    if not done:
        return 0
    return open_ones.filter(audience=Audience.CHECK, run__in=done, taken=0).update(
        state=RequestState.WITHDRAWN
    )
