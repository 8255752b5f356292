"""Tells open pages that a workspace's queue has changed. A page that misses it looks again by itself.

Whoever changes the queue only leaves word. New work is told within GATHER seconds: an empty desk waits for it. That there is
less is told within GATHER_LESS, for the counts: each of many answers a second would else go to every open page.
"""

from __future__ import annotations

import asyncio
from functools import partial

import structlog
from channels.layers import get_channel_layer
from django.db import transaction

from optimization.teller import TellerOfProcess

log = structlog.get_logger()
GATHER = 0.05
GATHER_LESS = 2.0


def queue_group(workspace_id: int) -> str:
    return f"queue.{workspace_id}"


def queue_changed(workspace_id: int) -> None:
    """After commit, tell the workspace's pages: something may be there for them."""
    transaction.on_commit(partial(_pages.leave_word, workspace_id, GATHER))


def queue_shrank(workspace_id: int) -> None:
    """After commit, tell the workspace's pages, in good time: there is less to do."""
    transaction.on_commit(partial(_pages.leave_word, workspace_id, GATHER_LESS))


class _Messages:
    """Over one connection, which the layer keeps as long as the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.Runner()

    def tell(self, changed: set[int]) -> None:
        self._loop.run(_send(changed))


async def _send(changed: set[int]) -> None:
    """Whatever the layer does, what was committed stands."""
    for workspace_id in changed:
        layer = get_channel_layer()
        try:
            if layer is not None:
                await layer.group_send(queue_group(workspace_id), {"type": "queue.changed"})
        except Exception as error:
            log.warning("socket_nudge_lost", workspace=workspace_id, error=str(error))


_pages: TellerOfProcess[int] = TellerOfProcess("queue-notices", lambda: _Messages().tell)
