"""Messages that only hurry: the sweeper finds whatever one of them fails to bring about.

A nudge expires, so that a dead queue does not fill. A broker that is away costs the sender a moment and a log line, and
whatever is sent in the seconds after it nothing at all. Where people wait for pages a thread sends them: no request waits
for the broker, and of many answers a second to one run there is one nudge every GATHER seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from celery import Task
from django.conf import settings
from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now
from django.dispatch import receiver

from optimization.feedback.signals import item_due
from optimization.models import Run, RunKind, RunState, WorkItem, WorkState
from optimization.runs.absence import Absence
from optimization.runs.engine.faults import fault
from optimization.runs.signals import replay_wanted, run_due
from optimization.teller import TellerOfProcess

log = structlog.get_logger()
# `expires` is the worker's to heed; `expiration` is RabbitMQ's, which then hands out nothing that nobody wants any more.
PERISHES: dict[str, Any] = {"expires": 60, "expiration": 60}
ITEMS_PER_SHARD = 32
GATHER = 0.1
broker_away = Absence()
Nudge = tuple[Task[[int], None], int]
_thread: TellerOfProcess[Nudge] = TellerOfProcess("nudges", lambda: _send_all)
_by_thread = False


def send_by_thread() -> None:
    """From now on this process leaves its nudges to a thread: said once, by one that serves pages."""
    global _by_thread
    _by_thread = True


def nudge_run(run_id: int) -> None:
    """Ask for `advance` of a run."""
    from workers.tasks import advance

    _nudge(advance, run_id)


def nudge_work(run_id: int) -> None:
    """Ask for workers for the run's due items, in as many shards as there is work and workers for."""
    from workers.tasks import TASK_OF_KIND

    due = (
        WorkItem.objects.filter(
            run_id=run_id, state=WorkState.DUE, due_at__lte=Now(), run__state=RunState.RUNNING
        )
        .values_list("kind")
        .annotate(count=Count("pk"))
    )
    for kind, count in due:
        for _ in range(min(settings.LLM_WORKERS, math.ceil(count / ITEMS_PER_SHARD))):
            _nudge(TASK_OF_KIND[kind], run_id)


def _nudge(task: Task[[int], None], run_id: int) -> None:
    if _by_thread:
        _thread.leave_word((task, run_id), GATHER)
    else:
        _send(task, run_id)


def _send_all(nudges: set[Nudge]) -> None:
    for task, run_id in nudges:
        _send(task, run_id)


def _send(task: Task[[int], None], run_id: int) -> None:
    fault("before_nudge")
    if not broker_away:
        try:
            with broker_away.noticed():
                task.apply_async((run_id,), **PERISHES)
        except Exception as error:
            log.warning("nudge_lost", task=task.name, run=run_id, error=str(error))
    fault("after_nudge")


def nudge_replay(run_id: int) -> None:
    """Ask for the replay of a run; that of a policy's where its jobs are."""
    from workers.tasks import replay, replay_policy

    kind = Run.objects.values_list("kind", flat=True).get(pk=run_id)
    _nudge(replay_policy if kind == RunKind.POLICY else replay, run_id)


def _after_commit(nudge: Callable[[int], None], run_id: int) -> None:
    transaction.on_commit(partial(nudge, run_id))


@receiver(run_due)
def _run_due(sender: Any, run_id: int, **_: Any) -> None:
    _after_commit(nudge_run, run_id)


@receiver(replay_wanted)
def _replay_wanted(sender: Any, run_id: int, **_: Any) -> None:
    _after_commit(nudge_replay, run_id)


@receiver(item_due)
def _item_due(sender: Any, run_id: int, **_: Any) -> None:
    """`advance` asks for workers too."""
    _after_commit(nudge_run, run_id)
