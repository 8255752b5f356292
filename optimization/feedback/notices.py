"""Tells open pages that a workspace's queue has changed. A page that misses it looks again by itself."""

from __future__ import annotations

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

log = structlog.get_logger()


def queue_group(workspace_id: int) -> str:
    return f"queue.{workspace_id}"


def queue_changed(workspace_id: int) -> None:
    """After commit, send `queue.changed` to the workspace's pages."""
    transaction.on_commit(lambda: _send(workspace_id))


def _send(workspace_id: int) -> None:
    """Whatever the layer does, what was committed stands."""
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(queue_group(workspace_id), {"type": "queue.changed"})
    except Exception as error:
        log.warning("socket_nudge_lost", workspace=workspace_id, error=str(error))
