"""Writing from asyncio: one thread a process, which stores what has gathered in one transaction.

An operation is durable when `await writer.write(operation)` returns. Operations of one kind are applied together
(`Operation.apply`), so that hundreds of calls a second cost a few transactions. Where a batch fails, each of its
operations is tried alone, so that one bad row fails alone; where the database is away, the batch waits for it.

The thread shares its interpreter with the loop that calls models. So it wakes once a batch and not for each operation,
and wakes the loop once for all of them.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol, Self

import structlog
from django.db import close_old_connections, connections, transaction

from optimization.runs.engine.faults import fault
from optimization.runs.work.away import DATABASE_AWAY

log = structlog.get_logger()
# Gathering ends after this time, or once nothing has come for a tenth of it.
GATHER_SECONDS = 0.1
DELIVERED_AT_ONCE = 4
# How long a batch waits for a database that is away, and how often it looks.
PATIENCE_SECONDS, AGAIN_SECONDS = 30.0, 0.5


class Operation(Protocol):
    """Something to store. `apply` runs inside a transaction and gives one result an operation."""

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[Any]: ...


_Entry = tuple[Any, "asyncio.Future[Any]"]


class Writer:
    """The process's writing thread, for one event loop at a time. It starts with the first write and ends with `close`."""

    def __init__(self, gather_seconds: float = GATHER_SECONDS, patience: float = PATIENCE_SECONDS) -> None:
        self._gather_seconds = gather_seconds
        self._patience = patience
        self._patient_until = 0.0
        self._waiting: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def write(self, operation: Operation) -> Any:
        """Store the operation; returns its result once it is committed. One that is cancelled meanwhile is stored all
        the same: it may have been paid for."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()
        stored: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.put((operation, stored))
        return await stored

    def close(self) -> None:
        """Store what is waiting and end the thread."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        try:
            while (first := self._waiting.get()) is not None:
                batch, more = self._gather(first)
                close_old_connections()
                self._patient_until = time.monotonic() + self._patience
                self._store(batch)
                if not more:
                    return
        finally:
            connections.close_all()

    def _gather(self, first: _Entry) -> tuple[list[_Entry], bool]:
        """What comes while more keeps coming, within the gathering time; False once it is closed."""
        batch = [first]
        until = time.monotonic() + self._gather_seconds
        while time.monotonic() < until:
            time.sleep(self._gather_seconds / 10)
            known = len(batch)
            try:
                while (entry := self._waiting.get_nowait()) is not None:
                    batch.append(entry)
                return batch, False
            except queue.Empty:
                if len(batch) == known:
                    break
        return batch, True

    def _store(self, batch: list[_Entry]) -> None:
        try:
            results = self._apply_patiently(batch)
        except Exception as error:
            if len(batch) > 1:
                for entry in batch:
                    self._store([entry])
            else:
                _hand_over([(batch[0][1], error)])
            return
        fault("after_commit")
        _hand_over(results)

    def _apply_patiently(self, batch: list[_Entry]) -> list[_Answer]:
        """While the database is away, wait for it: what is in hand may have been paid for."""
        while True:
            try:
                return self._apply(batch)
            except DATABASE_AWAY as error:
                connections.close_all()
                if (now := time.monotonic()) > self._patient_until:
                    raise
                log.warning("database_away", waiting=len(batch), error=str(error))
                time.sleep(min(AGAIN_SECONDS, max(self._patient_until - now, 0.0)))

    @staticmethod
    def _apply(batch: list[_Entry]) -> list[_Answer]:
        by_kind: dict[type[Any], list[_Entry]] = defaultdict(list)
        for entry in batch:
            by_kind[type(entry[0])].append(entry)
        with transaction.atomic():
            return [
                (stored, result)
                for kind, entries in by_kind.items()
                for (_, stored), result in zip(
                    entries, kind.apply([operation for operation, _ in entries]), strict=True
                )
            ]


# What waits, and the result or the exception that it waits for.
_Answer = tuple["asyncio.Future[Any]", Any]


def _hand_over(answers: list[_Answer]) -> None:
    """Wake the loop once for all of them. One that is closed has nobody left who waits."""
    with suppress(RuntimeError):
        answers[0][0].get_loop().call_soon_threadsafe(_deliver, answers)


def _deliver(answers: list[_Answer]) -> None:
    """A few at a time: those who wait go on at once, and what comes in meanwhile would wait for all of them."""
    if rest := answers[DELIVERED_AT_ONCE:]:
        rest[0][0].get_loop().call_soon(_deliver, rest)
    for stored, result in answers[:DELIVERED_AT_ONCE]:
        if stored.done():
            continue  # nobody waits for it any more
        if isinstance(result, Exception):
            stored.set_exception(result)
        else:
            stored.set_result(result)
