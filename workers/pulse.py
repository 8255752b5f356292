"""Signs of life: what shows that a worker still consumes, and that a process which holds work has not hung.

1. The supervisor sends each worker the task `pulse` through the very queue that it consumes; whichever process of the
   worker takes it notes the time in the database. So a worker whose subscription, loop or pool is dead goes silent.
2. A process that drives work notes the time with each heartbeat, from the loop that the work runs in. So a process whose
   loop hangs goes silent while it is known to be doing something.
3. Times are the database's. An absent database or broker makes nobody look dead: see workers.supervisor.watch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from celery import current_task
from django.db import DatabaseError, connections
from django.db.models.functions import Now

from optimization.models import WorkerPulse

log = structlog.get_logger()
FORGOTTEN_AFTER = timedelta(hours=1)
REPLAYING = "replaying run {}"


@dataclass(frozen=True)
class Seen:
    """A process of a worker, as it was seen last: so many seconds ago, `doing` something or waiting for it."""

    worker: str
    pid: int
    doing: str
    seconds: float

    @property
    def queue(self) -> str:
        return self.worker.partition("@")[0]

    @property
    def host(self) -> str:
        return self.worker.partition("@")[2]


class Life:
    """The life of this process as it is let be known; outside a worker nobody asks, and nothing is noted.

    `renew` may be called in any thread. Work that ends before its first heartbeat leaves no trace.
    """

    def __init__(self, doing: str = "") -> None:
        request = getattr(current_task, "request", None)
        self._worker: str | None = getattr(request, "hostname", None)
        self._doing = doing
        self._noted = False

    def renew(self) -> None:
        self._noted = True
        self._note(self._doing)

    def end(self) -> None:
        """It waits for work again."""
        if self._noted:
            self._note("")

    def _note(self, doing: str) -> None:
        """A database that is away is no reason to stop working."""
        if self._worker is None:
            return
        now = {"doing": doing[:160], "at": Now()}
        try:
            WorkerPulse.objects.update_or_create(worker=self._worker, pid=os.getpid(), defaults=now)
        except DatabaseError as error:
            log.warning("pulse_not_noted", error=str(error))


def pulses() -> list[Seen]:
    """Every process that has been seen within the hour; older ones are forgotten. Opens a connection and closes it."""
    try:
        WorkerPulse.objects.filter(at__lt=Now() - FORGOTTEN_AFTER).delete()
        rows = WorkerPulse.objects.annotate(now=Now()).order_by("worker", "pid")
        return [Seen(row.worker, row.pid, row.doing, (row.now - row.at).total_seconds()) for row in rows]
    finally:
        connections.close_all()


def ask_for_pulses(queues: Sequence[str], expires: float) -> None:
    """Send each queue's worker the task. Raises what the broker raises where it cannot be reached."""
    from workers.tasks import pulse

    for queue in queues:
        pulse.apply_async(queue=queue, expires=expires, retry=False)
