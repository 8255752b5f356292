"""Tells open pages that a workspace's queue has changed. A page that misses it looks again by itself.

Whoever changes the queue only leaves word; a thread of the process sends it, one message a workspace for all that
changed within GATHER seconds, over a connection that it keeps. So many answers a second do not become as many messages.
"""

from __future__ import annotations

import asyncio
import os
import threading
from queue import Empty, SimpleQueue

import structlog
from channels.layers import get_channel_layer
from django.db import transaction

log = structlog.get_logger()
GATHER = 0.05


def queue_group(workspace_id: int) -> str:
    return f"queue.{workspace_id}"


def queue_changed(workspace_id: int) -> None:
    """After commit, send `queue.changed` to the workspace's pages."""
    transaction.on_commit(lambda: _sender().words.put(workspace_id))


class Sender(threading.Thread):
    """Whatever the layer does, what was committed stands."""

    def __init__(self) -> None:
        super().__init__(name="queue-notices", daemon=True)
        self.words: SimpleQueue[int] = SimpleQueue()
        self.pid = os.getpid()

    def run(self) -> None:
        with asyncio.Runner() as runner:
            while True:
                changed = {self.words.get()}
                threading.Event().wait(GATHER)
                while True:
                    try:
                        changed.add(self.words.get_nowait())
                    except Empty:
                        break
                runner.run(self._send(changed))

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
        return _current
