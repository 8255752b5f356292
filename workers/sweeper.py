"""The sweeper: finds due work, expired leases and runs to advance, whatever messages were lost."""

from __future__ import annotations

import json
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from optimization.feedback.digest import digests_send
from optimization.feedback.urgency import urgency_refresh
from optimization.models import (
    Activity,
    FeedbackRequest,
    RequestState,
    Run,
    RunState,
    WorkerPulse,
    WorkItem,
    WorkState,
)
from optimization.runs.engine.deadlines import deadlines_sweep
from optimization.runs.engine.leases import expire, poisonous
from optimization.runs.states import run_move
from workers.nudges import nudge_replay, nudge_run, nudge_work
from workers.pulse import REPLAYING

OPEN = (RequestState.OPEN, RequestState.DISPUTED)
REPLAY_HEARD_OF_WITHIN = timedelta(minutes=1)


def sweep() -> None:
    """One round. Any number of sweepers may run side by side."""
    expire()
    _stop_poisoned()
    deadlines_sweep()
    _wake_answered()
    urgency_refresh()
    digests_send()
    for run_id in _runs_with_due_work():
        nudge_work(run_id)
    for run_id in _runs_to_advance():
        nudge_run(run_id)
    for run_id in _runs_to_replay():
        nudge_replay(run_id)


def _stop_poisoned() -> None:
    """A run whose item ends every worker that takes it stops in words; Retry takes the item up again."""
    for item in poisonous().select_related("run"):
        run_move(
            item.run,
            RunState.NEEDS_ATTENTION,
            f"The work item {item.pk} ({item.kind}) has ended its worker process {item.lone_losses} times, alone in it. "
            f"Its inputs: {json.dumps(item.payload)[:400]}. Look at the worker's log for the cause, mend it, and press Retry.",
        )


def _wake_answered() -> None:
    """Items that wait for people although all their questions are answered."""
    questions = FeedbackRequest.objects.filter(item=OuterRef("pk"))
    WorkItem.objects.filter(
        Exists(questions), ~Exists(questions.filter(state__in=OPEN)), state=WorkState.WAITING
    ).update(state=WorkState.DUE, due_at=Now())


def _runs_with_due_work() -> list[int]:
    due = WorkItem.objects.filter(state=WorkState.DUE, due_at__lte=Now(), run__state=RunState.RUNNING)
    return list(due.order_by().values_list("run_id", flat=True).distinct())


def _runs_to_advance() -> list[int]:
    """Those without open work, and those that now wait for people alone and do not say so yet."""
    work = WorkItem.objects.filter(run=OuterRef("pk"))
    idle = ~Exists(work.filter(state__in=[WorkState.DUE, WorkState.LEASED]))
    unsaid = ~Q(activity=Activity.PEOPLE) | ~Exists(work.filter(state=WorkState.WAITING))
    return list(Run.objects.filter(idle, unsaid, state=RunState.RUNNING).values_list("pk", flat=True))


def _runs_to_replay() -> list[int]:
    """Those whose replay was asked for a while ago and that nobody is at; asked for again, each once a while."""
    recently = Now() - REPLAY_HEARD_OF_WITHIN
    at_it = set(WorkerPulse.objects.filter(at__gt=recently).values_list("doing", flat=True))
    unheard = Run.objects.filter(replay_asked_at__lt=recently)
    lost = [pk for pk in unheard.values_list("pk", flat=True) if REPLAYING.format(pk) not in at_it]
    Run.objects.filter(pk__in=lost).update(replay_asked_at=Now())
    return lost
