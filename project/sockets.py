"""The answer to a socket address that does not exist."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import re_path

NOT_FOUND = 4404


class UnknownSocket(AsyncWebsocketConsumer):
    """Accepts and closes with 4404: a refused handshake would reach the browser as a bare failure without a code."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(NOT_FOUND, reason=f"There is no socket at {self.scope['path']}."[:120])


# Any: Django's `re_path` knows views alone, Channels routes applications with it.
_application: Any = UnknownSocket.as_asgi()
unknown_socket: Any = re_path("", _application)
