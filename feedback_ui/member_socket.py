"""A socket for members: it says that something happened, never what; the page then asks over HTTP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from optimization.accounts.permissions import Action, member_may
from optimization.accounts.selectors import socket_membership
from optimization.models import Membership

NOT_SIGNED_IN, NOT_YOURS, TRY_AGAIN = 4401, 4403, 1013


class MemberSocket(AsyncJsonWebsocketConsumer, ABC):
    """Follows the groups that a subclass names for the member.

    The handshake is accepted before a refusal, because a browser sees no code of one that failed.
    """

    required_action: Action
    following: list[str]

    @abstractmethod
    async def groups_for(self, membership: Membership) -> list[str]:
        """What to follow; empty if this member may not."""

    @abstractmethod
    async def followed(self) -> None:
        """Tells the page once it is followed, because something may have come in between."""

    async def connect(self) -> None:
        self.following = []
        await self.accept()
        scope: dict[str, Any] = dict(self.scope)
        membership = await database_sync_to_async(socket_membership)(scope)
        if not scope["user"].is_authenticated:
            await self.close(NOT_SIGNED_IN)
        elif membership is None or not member_may(membership, self.required_action):
            await self.close(NOT_YOURS)
        elif groups := await self.groups_for(membership):
            await self._follow(groups)
        else:
            await self.close(NOT_YOURS)

    async def disconnect(self, code: int) -> None:
        for group in self.following:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def _follow(self, groups: list[str]) -> None:
        try:
            for group in groups:
                await self.channel_layer.group_add(group, self.channel_name)
        except (
            Exception
        ):  # the layer is away, whatever it raises: the page looks at intervals and connects again
            await self.close(TRY_AGAIN)
            return
        self.following = groups
        await self.followed()
