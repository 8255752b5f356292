"""Driving a run's work in one process: many items in the air at once, each under its lease."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog
from django.conf import settings
from django.db import DatabaseError

from optimization.catalog.errors import EndpointRefused
from optimization.models import WorkItem
from optimization.runs.engine.leases import is_suspect, renew
from optimization.runs.work.away import DATABASE_AWAY
from optimization.runs.work.bench import Bench
from optimization.runs.work.carry_out import carry_out
from optimization.runs.work.settling import Stop
from optimization.runs.work.sheet import Sheet
from workers.process import Process
from workers.pulse import Life
from workers.stopping import told_to_stop

log = structlog.get_logger()
IN_FLIGHT = 256
# So many are taken at a time, so that two processes come to the end of a run's work together.
SHARD = 64
# A task hands over somewhere between: if all processes let their work run out at one time, the endpoint would be idle.
HAND_OVER_SECONDS = (6.0, 14.0)

Active = dict["asyncio.Task[None]", WorkItem]


async def drive(
    run_id: int,
    kinds: Sequence[str],
    process: Process,
    at_once: int = IN_FLIGHT,
    life: Life | None = None,
) -> None:
    """Take the run's due items of these kinds and carry them out, for about ten seconds; then finish what is held.

    No more than `at_once` are in the air. A process that is told to stop takes no more.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader") as reader:
        try:
            bench = await Bench.open(run_id, process.endpoints.manager, process.writer, reader)
        except EndpointRefused as refused:
            await process.writer.write(Stop(run_id, f"{refused} Then press Retry."))
            return
        try:
            await _carry_on(bench, kinds, at_once, life or Life())
        finally:
            await bench.close()
            await process.endpoints.tidy()


async def _carry_on(bench: Bench, kinds: Sequence[str], at_once: int, life: Life) -> None:
    until = time.monotonic() + random.uniform(*HAND_OVER_SECONDS)
    active: Active = {}
    heartbeat = asyncio.create_task(_heartbeat(active, bench, life))
    more = True
    try:
        while more or active:
            more = more and time.monotonic() < until and not told_to_stop()
            room = at_once - len(active)
            if more and room >= min(SHARD, at_once) and not any(map(is_suspect, active.values())):
                sheets = await _take(bench, kinds, min(SHARD, room), not active)
                more = bool(sheets)
                # One after another: begun all at once they would keep waiting what comes in meanwhile.
                for sheet in sheets:
                    active[asyncio.create_task(carry_out(sheet, bench))] = sheet.item
                    await asyncio.sleep(0)
            elif active:
                done, _ = await asyncio.wait(active, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    item = active.pop(task)
                    if not task.cancelled() and (error := task.exception()):
                        # What became of it could not be stored: its lease expires, and it is done again.
                        log.warning("item_not_stored", item=item.pk, run=item.run_id, error=str(error))
    finally:
        heartbeat.cancel()
        for task in active:
            task.cancel()
        await asyncio.gather(heartbeat, *active, return_exceptions=True)


async def _take(bench: Bench, kinds: Sequence[str], limit: int, alone: bool) -> list[Sheet]:
    """More items; none while the database is away, and what is in the air goes on."""
    try:
        return await bench.take(kinds, limit, alone=alone)
    except DATABASE_AWAY as error:
        log.warning("database_away", run=bench.run.pk, error=str(error))
        return []


async def _heartbeat(active: Active, bench: Bench, life: Life) -> None:
    """Prolong the leases of what is in the air; drop what was lost and what a cancelled run no longer wants."""
    while True:
        await asyncio.sleep(settings.HEARTBEAT_SECONDS)
        try:
            await bench.read(life.renew)
            beat = await bench.read(partial(renew, list(active.values())))
        except (DatabaseError, *DATABASE_AWAY) as error:
            log.warning("heartbeat_missed", run=bench.run.pk, error=str(error))
            continue
        for task, item in list(active.items()):
            if item.pk in beat.lost:
                log.warning("lease_lost", item=item.pk, run=item.run_id)
            if item.pk in beat.lost or item.pk in beat.stopped:
                task.cancel()
