"""The socket of the desk: it says that the queue has changed, never what; the page asks over HTTP."""

from __future__ import annotations

from typing import Any

from feedback_ui.member_socket import MemberSocket
from optimization.accounts.permissions import Action
from optimization.feedback.notices import queue_group
from optimization.models import Membership


class QueueConsumer(MemberSocket):
    """Follows the queue of the member's workspace."""

    required_action = Action.FEEDBACK_ANSWER

    async def groups_for(self, membership: Membership) -> list[str]:
        return [queue_group(membership.workspace_id)]

    async def followed(self) -> None:
        await self.send_json({"queue": "followed"})

    async def queue_changed(self, event: dict[str, Any]) -> None:
        await self.send_json({"queue": "changed"})
