"""A colleague at work: claims questions and answers them over the REST interface, by the same rules as people.

1. Claim; where nothing waits, ask again after a moment, and after longer ones while nothing comes.
2. Answer under the claim's fence. The client key is made of question and fence, so that an answer that is sent again
   after a broken connection, or by a restarted program, is the same answer. The reply brings the next claim along.
3. A hold that is lost (409) or a question that is gone (404) is let go; one that cannot be answered (422) is skipped.
4. A server that is away or overloaded is asked again, after longer and longer waits. A token that is refused is the end.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

import httpx2
from pydantic import ValidationError

from optimization.losses.questions import QUESTION
from optimization.rehearsal.colleague import Persona, answer_body

FIRST_PAUSE = 0.3
LONGEST_PAUSE = 2.0
FIRST_WAIT = 0.5
LONGEST_WAIT = 15.0
_REFUSED = {401, 403}
_LET_GO = {404, 409}
_AGAIN = {425, 429, 500, 502, 503, 504}

Claim = dict[str, Any]


class TokenRefused(Exception):
    """The server does not take the colleague's token."""


class Annotator:
    """One colleague over one connection; `tell` is given a line for what is worth knowing."""

    def __init__(
        self,
        persona: Persona,
        http: httpx2.AsyncClient,
        tell: Callable[[str], None] = print,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        self.persona = persona
        self.answered = 0
        self._http = http
        self._tell = tell
        self._longest_pause = longest_pause

    async def work(self) -> None:
        """Answers whatever waits, until cancelled. Raises TokenRefused."""
        pause = FIRST_PAUSE
        while True:
            claim = await self._claim()
            if claim is None:
                await asyncio.sleep(min(pause, self._longest_pause))
                pause *= 1.5
                continue
            while claim is not None:
                claim = await self._answer(claim)
            pause = FIRST_PAUSE

    async def _claim(self) -> Claim | None:
        reply = await self._post("/api/v1/feedback/claim")
        if reply.status_code == httpx2.codes.OK:
            return cast("Claim", reply.json())
        if reply.is_error:
            self._tell(
                f"{self.persona.name} cannot ask for questions: {reply.status_code} {reply.text[:200]}"
            )
            await asyncio.sleep(LONGEST_WAIT)
        return None

    async def _answer(self, claim: Claim) -> Claim | None:
        """Answers the claimed question and gives the next one."""
        started = time.perf_counter()
        asked = claim["request"]
        try:
            body = answer_body(self.persona, QUESTION.validate_python(asked["question"]))
        except ValidationError as error:
            return await self._skip(asked["id"], f"{self.persona.name} cannot read this question: {error}")
        reply = await self._post(
            f"/api/v1/feedback/requests/{asked['id']}/answer",
            {
                "fence": claim["fence"],
                "client_key": f"{asked['id']}-{claim['fence']}",
                "body": body,
                "seconds": time.perf_counter() - started,
            },
        )
        if reply.status_code in _LET_GO:
            return None
        if reply.is_error:
            return await self._skip(asked["id"], f"{self.persona.name} cannot answer this: {reply.text}")
        self.answered += 1
        self._tell(f"{self.persona.name} answered question {asked['id']} ({asked['kind']})")
        return _next(reply)

    async def _skip(self, question: int, reason: str) -> Claim | None:
        self._tell(f"{reason} Skipping question {question}.")
        reply = await self._post(f"/api/v1/feedback/requests/{question}/skip", {"reason": reason[:400]})
        return None if reply.is_error else _next(reply)

    async def _post(self, path: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        """The reply, from a server that may have to be waited for."""
        wait = FIRST_WAIT
        while True:
            try:
                reply = await self._http.post(path, json=body or {})
                if reply.status_code in _REFUSED:
                    raise TokenRefused(f"{self.persona.name}'s token is refused: {reply.text}")
                if reply.status_code not in _AGAIN:
                    return reply
                trouble, longer = f"answers {reply.status_code}", _retry_after(reply)
            except httpx2.TransportError as error:
                trouble, longer = f"is away ({error or type(error).__name__})", 0.0
            if wait == FIRST_WAIT:
                self._tell(f"{self.persona.name}: the server {trouble}; asking again")
            await asyncio.sleep(max(longer, wait * random.uniform(0.5, 1.0)))
            wait = min(2 * wait, LONGEST_WAIT)


def _next(reply: httpx2.Response) -> Claim | None:
    return cast("Claim | None", reply.json().get("next"))


def _retry_after(reply: httpx2.Response) -> float:
    stated = reply.headers.get("retry-after", "")
    return min(float(stated), LONGEST_WAIT) if stated.replace(".", "", 1).isdigit() else 0.0


async def work_together(
    base_url: str, colleagues: Iterable[tuple[Persona, str]], tell: Callable[[str], None] = print
) -> None:
    """All of them, each a persona with its token, at work until cancelled. Raises TokenRefused."""
    try:
        async with asyncio.TaskGroup() as group:
            for persona, token in colleagues:
                group.create_task(_work(base_url, persona, token, tell))
    except* TokenRefused as refused:
        raise refused.exceptions[0] from None


async def _work(base_url: str, persona: Persona, token: str, tell: Callable[[str], None]) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=base_url, headers=headers, timeout=30.0) as http:
        await Annotator(persona, http, tell).work()
