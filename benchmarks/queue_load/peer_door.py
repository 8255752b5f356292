"""The way to Label Studio's queue: the two calls of its REST API with which its page works a project off."""

from __future__ import annotations

import json

from benchmarks.queue_load.doors import IMPROVEMENTS, Held, Step
from benchmarks.queue_load.http import Connection
from benchmarks.queue_load.question import LEVELS


class Peer:
    """An annotator with a token. `key` is the project and the token; a task in hand is a Held without a fence."""

    taken, claimed = {201}, {200}

    def __init__(self, port: int, key: str) -> None:
        project, token = key.split()
        self._next = f"/api/projects/{project}/next"
        self.connection = Connection(
            port, f"Authorization: Token {token}\r\nContent-Type: application/json\r\n"
        )

    async def claim(self) -> Step:
        reply = await self.connection.ask("GET", self._next)
        task = int(json.loads(reply.body)["id"]) if reply.status == 200 else 0
        return Step(reply, Held(task, 0, "") if task else None)

    async def fetch_ahead(self) -> None:
        """Its page asks for one task at a time."""

    async def answer(self, held: Held, score: int) -> Step:
        result = [
            _region("level", "choices", [LEVELS[score - 1]["label"]]),
            _region("improvements", "textarea", [IMPROVEMENTS]),
        ]
        body = json.dumps({"result": result, "lead_time": 7.5}).encode()
        return Step(await self.connection.ask("POST", f"/api/tasks/{held.request}/annotations/", body), None)


def _region(name: str, kind: str, value: list[object]) -> dict[str, object]:
    key = "text" if kind == "textarea" else kind
    return {"from_name": name, "to_name": "reply", "type": kind, "value": {key: value}}
