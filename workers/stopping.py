"""A stop that loses nothing: processes take no new work, and what is under way ends and is stored.

1. The supervisor sends WIND_DOWN to the worker's whole group. The worker itself passes it by; each of its processes
   remembers it, takes no more items, and finishes those that it holds.
2. The supervisor says what is under way, waits for it within bounds, and then sends TERM.
3. What was not done by then is done again at the next start: its calls were not stored, everything else was.
"""

from __future__ import annotations

import signal
from typing import Any

from celery.signals import celeryd_init, worker_process_init
from django.db import connections
from django.db.models import Count

from optimization.models import WorkItem, WorkState
from optimization.runs.words import counted

WIND_DOWN = signal.SIGUSR2


class _Told:
    to_stop = False


def told_to_stop() -> bool:
    """Whether this process is to take no new work."""
    return _Told.to_stop


def under_way() -> list[str]:
    """In words, what is held just now and ends soon, a run each: not training. Opens a connection and closes it."""
    try:
        held = (
            WorkItem.objects.filter(state=WorkState.LEASED, queue="llm").order_by().values_list("run__name")
        )
        return [f"{counted(count, 'work item')} of “{run}”" for run, count in held.annotate(Count("pk"))]
    finally:
        connections.close_all()


@celeryd_init.connect
def _worker_passes_it_by(**_: Any) -> None:
    signal.signal(WIND_DOWN, signal.SIG_IGN)


@worker_process_init.connect
def _process_listens(**_: Any) -> None:
    signal.signal(WIND_DOWN, _remember)


def _remember(*_: Any) -> None:
    _Told.to_stop = True
