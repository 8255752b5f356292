"""What pages follow: an append-only list of events a run, and a nudge on the socket after each commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from django.db.models import F

from optimization.models import Run, RunEvent
from optimization.runs.absence import Absence

log = structlog.get_logger()
PATIENCE_SECONDS = 2.0
layer_away = Absence()


def event_emit(run_id: int, kind: str, payload: dict[str, Any] | None = None) -> None:
    """Append an event to the run; once committed, tell its sockets that there is one."""
    with transaction.atomic():
        Run.objects.filter(pk=run_id).update(event_seq=F("event_seq") + 1)
        seq = Run.objects.values_list("event_seq", flat=True).get(pk=run_id)
        RunEvent.objects.create(run_id=run_id, seq=seq, kind=kind, payload=payload or {})
        transaction.on_commit(partial(_announce, run_id, seq))


def progress_announce(run_id: int) -> None:
    """Once committed, tell a run's sockets to look again, of what is no event: how far a job is."""
    transaction.on_commit(partial(_announce, run_id, None))


def _announce(run_id: int, seq: int | None) -> None:
    """A page that misses this catches up within 20 s, so an absent layer costs nothing but time, and little of that."""
    layer = get_channel_layer()
    if layer is None or layer_away:
        return
    message = {"type": "run.event", "run": run_id, "seq": seq}
    try:
        with layer_away.noticed():
            async_to_sync(_within)(PATIENCE_SECONDS, layer.group_send(f"run.{run_id}", message))
    except Exception as error:
        log.warning("socket_nudge_lost", run=run_id, error=repr(error))


async def _within(seconds: float, sending: Awaitable[None]) -> None:
    await asyncio.wait_for(sending, seconds)
