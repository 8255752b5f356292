"""Tells open pages that a workspace's queue has changed. A page that misses it looks again by itself.

Whoever changes the queue only leaves word; a thread of the process sends it, one message a workspace for all that
changed meanwhile, over a connection that it keeps. New work is told within GATHER seconds: an empty desk waits for it. That
there is less is told within GATHER_LESS, for the counts: each of many answers a second would else go to every open page.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue

import structlog
from channels.layers import get_channel_layer
from django.db import transaction

log = structlog.get_logger()
GATHER = 0.05
GATHER_LESS = 2.0
LAST_WORDS = 2.0


def queue_group(workspace_id: int) -> str:
    return f"queue.{workspace_id}"


def queue_changed(workspace_id: int) -> None:
    """After commit, tell the workspace's pages: something may be there for them."""
    _leave_word(workspace_id, GATHER)


def queue_shrank(workspace_id: int) -> None:
    """After commit, tell the workspace's pages, in good time: there is less to do."""
    _leave_word(workspace_id, GATHER_LESS)


def _leave_word(workspace_id: int, within: float) -> None:
    transaction.on_commit(lambda: _sender().words.put((workspace_id, time.monotonic() + within)))


class Sender(threading.Thread):
    """Whatever the layer does, what was committed stands."""

    def __init__(self) -> None:
        super().__init__(name="queue-notices", daemon=True)
        self.words: SimpleQueue[tuple[int, float] | None] = SimpleQueue()
        self.pid = os.getpid()
        self._ends = False

    def run(self) -> None:
        due: dict[int, float] = {}
        with asyncio.Runner() as runner:
            while not self._ends:
                self._listen(due)
                now = time.monotonic()
                changed = {workspace_id for workspace_id, at in due.items() if at <= now or self._ends}
                for workspace_id in changed:
                    del due[workspace_id]
                if changed:
                    runner.run(self._send(changed))

    def _listen(self, due: dict[int, float]) -> None:
        """Wait for the next word, or until it is time to tell the first of those that came before."""
        wait = max(0.0, min(due.values()) - time.monotonic()) if due else None
        with suppress(Empty):
            word = self.words.get(timeout=wait)
            if word is None:
                self._ends = True
                return
            workspace_id, at = word
            due[workspace_id] = min(at, due.get(workspace_id, at))

    def end(self) -> None:
        """What has not been told yet is told now: a command that ends at once leaves no word behind."""
        self.words.put(None)
        self.join(LAST_WORDS)

    async def _send(self, changed: set[int]) -> None:
        for workspace_id in changed:
            layer = get_channel_layer()
            try:
                if layer is not None:
                    await layer.group_send(queue_group(workspace_id), {"type": "queue.changed"})
            except Exception as error:
                log.warning("socket_nudge_lost", workspace=workspace_id, error=str(error))


_current: Sender | None = None
_starting = threading.Lock()


def _sender() -> Sender:
    """One a process: a forked child starts its own."""
    global _current
    with _starting:
        if _current is None or _current.pid != os.getpid():
            _current = Sender()
            _current.start()
            atexit.register(_current.end)
        return _current
