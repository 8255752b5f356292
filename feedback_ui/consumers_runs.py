"""The socket of a run's page: a message is {"run": id, "seq": number}, `seq` null where the queue has changed."""

from __future__ import annotations

from typing import Any

from feedback_ui.member_socket import MemberSocket
from optimization.accounts.permissions import Action
from optimization.feedback.notices import queue_group
from optimization.models import Membership, Run


class RunConsumer(MemberSocket):
    """Follows one run, and the queue of its workspace: an answer changes what the page shows too."""

    required_action = Action.RUNS_READ

    @property
    def run_id(self) -> int:
        return int(self.scope["url_route"]["kwargs"]["run_id"])

    async def groups_for(self, membership: Membership) -> list[str]:
        """A foreign run and none at all look the same."""
        ours = Run.objects.filter(pk=self.run_id, workspace=membership.workspace_id)
        return [f"run.{self.run_id}", queue_group(membership.workspace_id)] if await ours.aexists() else []

    async def followed(self) -> None:
        run = await Run.objects.only("event_seq").aget(pk=self.run_id)
        await self.send_json({"run": self.run_id, "seq": run.event_seq})

    async def run_event(self, event: dict[str, Any]) -> None:
        await self.send_json({"run": self.run_id, "seq": event["seq"]})

    async def queue_changed(self, event: dict[str, Any]) -> None:
        await self.send_json({"run": self.run_id, "seq": None})
