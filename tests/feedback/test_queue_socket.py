"""The desk's socket: for members who judge, and only a nudge."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser, User
from django.db import connections

from feedback_ui.consumers_queue import QueueConsumer
from optimization.feedback.notices import queue_group
from optimization.models import Membership, Role
from tests.feedback.scene import Scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
async def _connection_of_the_consumers_thread(transactional_db: None) -> AsyncIterator[None]:
    yield
    await database_sync_to_async(connections.close_all)()


@pytest.fixture(autouse=True)
def _layer_in_memory(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


async def connected(user: User | AnonymousUser) -> ApplicationCommunicator:
    """A socket whose handshake was accepted."""
    scope = {"type": "websocket", "path": "/ws/queue/", "user": user, "session": {}}
    socket = ApplicationCommunicator(QueueConsumer.as_asgi(), scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output())["type"] == "websocket.accept"
    return socket


async def closing_code(user: User | AnonymousUser) -> int:
    closed = await (await connected(user)).receive_output()
    assert closed["type"] == "websocket.close"
    return closed["code"]


async def said(socket: ApplicationCommunicator) -> dict[str, str]:
    return json.loads((await socket.receive_output())["text"])


async def test_a_change_of_the_queue_is_told_to_the_workspace(scene: Scene, dana: User) -> None:
    socket = await connected(dana)
    assert await said(socket) == {"queue": "followed"}
    layer = get_channel_layer()
    await layer.group_send(queue_group(scene.workspace.pk + 1), {"type": "queue.changed"})
    assert await socket.receive_nothing()
    await layer.group_send(queue_group(scene.workspace.pk), {"type": "queue.changed"})
    assert await said(socket) == {"queue": "changed"}
    await socket.send_input({"type": "websocket.disconnect", "code": 1001})
    await socket.wait()


async def test_a_stranger_is_sent_to_sign_in(scene: Scene) -> None:
    assert await closing_code(AnonymousUser()) == 4401


async def test_a_viewer_is_refused(scene: Scene, dana: User) -> None:
    await database_sync_to_async(Membership.objects.filter(user=dana).update)(role=Role.VIEWER)
    assert await closing_code(dana) == 4403


async def test_somebody_of_no_workspace_is_refused(transactional_db: None) -> None:
    assert await closing_code(await database_sync_to_async(User.objects.create_user)("lost")) == 4403
