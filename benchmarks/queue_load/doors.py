"""The two ways to the queue: the desk's page, as its script in a browser asks it, and REST, as a script does.

The page: the item is read out of the HTML, the form goes back with what it held, and the reply is the next item; or, where
the next was fetched ahead, word that it is the one. The item ahead is fetched as long after as the browser waits.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from benchmarks.queue_load.http import Connection, Reply

FORM = re.compile(
    rb'<form id="verdict" method="post" action="/judge/(\d+)/answer/".*?'
    rb'name="csrfmiddlewaretoken" value="([^"]+)".*?name="fence" value="(\d+)".*?name="client_key" value="([^"]+)"',
    re.DOTALL,
)
IMPROVEMENTS = "Give a date."
CSRF = "a" * 32
AHEAD_AFTER = 0.8  # as ahead.js has it
COUNTED_FOR = 10.0  # as counts.js has it


@dataclass(frozen=True)
class Held:
    """A question in hand, and what goes back with the answer."""

    request: int
    fence: int
    client_key: str
    csrf: str = ""

    @property
    def name(self) -> str:
        return f"{self.request}-{self.fence}"


@dataclass(frozen=True)
class Step:
    """A reply, and the question that it brought."""

    reply: Reply
    held: Held | None


class Page:
    """A signed-in browser at the desk."""

    taken, claimed = {200}, {200}

    def __init__(self, port: int, cookie: str) -> None:
        self.cookie = f"sessionid={cookie}; csrftoken={CSRF}"
        self.connection = Connection(port, f"Cookie: {self.cookie}\r\nHX-Request: true\r\n")
        self.ahead: Held | None = None
        self.counted = 0.0

    async def claim(self) -> Step:
        self.counted = time.monotonic()
        return _stepped(await self.connection.ask("GET", "/judge/"))

    async def fetch_ahead(self) -> None:
        self.ahead = _held(await self.connection.ask("GET", "/judge/ahead/"))

    async def answer(self, held: Held, score: int) -> Step:
        ahead, self.ahead = self.ahead, None
        fields = {
            "csrfmiddlewaretoken": held.csrf,
            "fence": held.fence,
            "client_key": held.client_key,
            "seconds": "7.5",
            "score": score,
            "improvements": IMPROVEMENTS,
            "marks": "",
        }
        headers = f"Desk-Ahead: {ahead.name if ahead else ''}\r\n"
        if time.monotonic() - self.counted < COUNTED_FOR:
            headers += "Desk-Counted: lately\r\n"
        else:
            self.counted = time.monotonic()
        step = await self._post(f"/judge/{held.request}/answer/", fields, headers)
        here = ahead is not None and step.reply.header("desk-ahead") == ahead.name
        return Step(step.reply, ahead) if here else step

    async def skip(self, held: Held) -> Step:
        fields = {"csrfmiddlewaretoken": held.csrf, "reason": "Something else"}
        return await self._post(f"/judge/{held.request}/skip/", fields)

    async def _post(self, path: str, fields: dict[str, object], headers: str = "") -> Step:
        headers += "Content-Type: application/x-www-form-urlencoded\r\n"
        return _stepped(await self.connection.ask("POST", path, urlencode(fields).encode(), headers))


class Rest:
    """A script with a token."""

    taken, claimed = {201}, {200, 204}

    def __init__(self, port: int, token: str) -> None:
        self.connection = Connection(
            port, f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        )
        self.ahead: Held | None = None

    async def claim(self) -> Step:
        reply = await self.connection.ask("POST", "/api/v1/feedback/claim", b"{}")
        return Step(reply, _claimed(json.loads(reply.body)) if reply.status == 200 else None)

    async def fetch_ahead(self) -> None:
        """A script has no use for it."""

    async def answer(self, held: Held, score: int) -> Step:
        body = {
            "fence": held.fence,
            "client_key": held.client_key,
            "body": {"score": score, "improvements": [IMPROVEMENTS]},
            "seconds": 7.5,
        }
        path = f"/api/v1/feedback/requests/{held.request}/answer"
        reply = await self.connection.ask("POST", path, json.dumps(body).encode())
        return Step(reply, _claimed(json.loads(reply.body)["next"]) if reply.status == 201 else None)

    async def skip(self, held: Held) -> Step:
        path = f"/api/v1/feedback/requests/{held.request}/skip"
        reply = await self.connection.ask("POST", path, b'{"reason": "measured"}')
        return Step(reply, _claimed(json.loads(reply.body)["next"]) if reply.status == 200 else None)


def _stepped(reply: Reply) -> Step:
    return Step(reply, _held(reply))


def _held(reply: Reply) -> Held | None:
    found = FORM.search(reply.body) if reply.status == 200 else None
    if found is None:
        return None
    request, csrf, fence, key = found.groups()
    return Held(int(request), int(fence), key.decode(), csrf.decode())


def _claimed(claim: dict[str, Any] | None) -> Held | None:
    if claim is None:
        return None
    request, fence = claim["request"]["id"], claim["fence"]
    return Held(request, fence, f"{request}-{fence}")
