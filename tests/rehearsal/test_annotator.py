"""Colleagues at work: over real HTTP against Handgrad, and against a server that has a bad day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from optimization.accounts.bootstrap import bootstrap_workspace
from optimization.feedback.services import request_open
from optimization.losses.questions import PreferenceQuestion, RankingQuestion, RubricLevel, RubricQuestion
from optimization.models import Answer, ApiToken, Audience, FeedbackRequest, WorkItem, Workspace, WorkState
from optimization.rehearsal.annotator import Annotator, TokenRefused, work_together
from optimization.rehearsal.colleague import ADA, BEN, PERSONAS
from optimization.rehearsal.endpoint import serving
from tests.factories import make_effect, make_item, make_run
from tests.rehearsal.conftest import TICKETS
from tests.rehearsal.test_learning import FAIR, GOOD, POOR
from workers.colleagues import colleagues_at_hand

CASE = {"criteria": "Would you send it?", "target": TICKETS[0]["target"], "context": TICKETS[0]["inputs"]}
LEVELS = tuple(RubricLevel(score, str(score)) for score in range(1, 6))
QUESTIONS = [
    RubricQuestion(**CASE, output=FAIR, levels=LEVELS),
    RubricQuestion(**CASE, output=GOOD, levels=LEVELS),
    PreferenceQuestion(**CASE, outputs=(POOR, GOOD)),
    RankingQuestion(**CASE, outputs=(POOR, GOOD, FAIR)),
]


class Told:
    """The lines that colleagues tell, to be waited for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._more.set()

    def times(self, words: str) -> int:
        return sum(words in line for line in self.lines)

    async def until(self, words: str, times: int = 1) -> None:
        async with asyncio.timeout(30):
            while self.times(words) < times:
                self._more.clear()
                await self._more.wait()


async def work_until(answers: int, work: Callable[[Told], Coroutine[Any, Any, None]]) -> Told:
    """Lets them work until so many answers are told of; what they told."""
    told = Told()
    working = asyncio.create_task(work(told))
    try:
        await told.until("answered question", answers)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    return told


@pytest.fixture
def questions(transactional_db: None) -> list[FeedbackRequest]:
    """A question of every kind for two rehearsal colleagues, and one for people."""
    bootstrap_workspace()
    workspace = Workspace.objects.get()
    run = make_run(workspace, User.objects.get(username="operator"))
    effect = make_effect(run, "forward", 0, timezone.now())
    opened = []
    for index, question in enumerate([*QUESTIONS, QUESTIONS[0]]):
        item = make_item(effect, index, WorkState.WAITING)
        audience = Audience.REHEARSAL if index < len(QUESTIONS) else Audience.PEOPLE
        opened.append(request_open(item=item, key=str(index), question=question, audience=audience, wanted=2))
    return opened


def test_both_colleagues_answer_what_is_theirs_and_the_work_goes_on(questions, live_server) -> None:
    colleagues = colleagues_at_hand()
    assert [persona for persona, _ in colleagues] == [ADA, BEN]
    theirs = 2 * len(QUESTIONS)
    asyncio.run(work_until(theirs, lambda tell: work_together(live_server.url, colleagues, tell)))
    assert Answer.objects.count() == theirs
    assert set(Answer.objects.values_list("user__first_name", flat=True)) == {one.name for one in PERSONAS}
    assert all(answer.seconds >= 0 for answer in Answer.objects.all())
    assert not Answer.objects.filter(request__audience=Audience.PEOPLE).exists()
    states = list(WorkItem.objects.order_by("index").values_list("state", flat=True))
    assert states == [WorkState.DUE] * len(QUESTIONS) + [WorkState.WAITING]


def test_each_start_makes_fresh_tokens_and_ends_the_earlier_ones(questions) -> None:
    (first, _), (again, _) = (colleagues_at_hand()[0][::-1] for _ in range(2))
    assert first != again
    assert ApiToken.objects.filter(revoked_at=None).count() == len(PERSONAS)
    assert all(token.scopes == ["feedback:answer"] for token in ApiToken.objects.all())


def test_a_revoked_token_ends_the_work_in_words(questions, live_server) -> None:
    refused = colleagues_at_hand()
    colleagues_at_hand()
    with pytest.raises(TokenRefused, match="Ada"):
        asyncio.run(asyncio.wait_for(work_together(live_server.url, refused[:1], print), 20))


class BadDay:
    """A server whose replies are scripted; it keeps the answers that it was sent."""

    claim = {
        "request": {"id": 7, "kind": "rubric", "question": QUESTIONS[0].model_dump(mode="json")},
        "fence": 3,
    }

    def __init__(self, *replies: tuple[int, Any]) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, Any]] = []

    async def reply(self, request: Request) -> Response:
        self.asked.append((request.url.path.rpartition("/")[2], await request.json()))
        status, body = self.replies.pop(0) if self.replies else (204, None)
        headers = {"retry-after": "0"}
        return Response(status_code=204) if status == 204 else JSONResponse(body, status, headers)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.reply, methods=["POST"])])

    @property
    def steps(self) -> list[str]:
        return [step for step, _ in self.asked]


@pytest.fixture
def bad_day() -> Iterator[Callable[..., tuple[BadDay, str]]]:
    """Starts servers, each with its script."""
    with ExitStack() as stack:

        def start(*replies: tuple[int, Any]) -> tuple[BadDay, str]:
            day = BadDay(*replies)
            return day, stack.enter_context(serving(day.app()))

        yield start


def annotate(url: str) -> Callable[[Told], Coroutine[Any, Any, None]]:
    async def work(tell: Told) -> None:
        async with httpx2.AsyncClient(base_url=url) as http:
            await Annotator(BEN, http, tell, longest_pause=0.01).work()

    return work


async def test_an_answer_that_may_have_been_lost_is_sent_again_and_is_the_same(bad_day) -> None:
    day, url = bad_day((200, BadDay.claim), (503, {}), (500, {}), (201, {"answer_id": 1, "next": None}))
    told = await work_until(1, annotate(url))
    answers = [body for step, body in day.asked if step == "answer"]
    assert len(answers) == 3
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["fence"] == 3
    assert told.times("answers 503") == 1


async def test_a_lost_hold_is_let_go(bad_day) -> None:
    day, url = bad_day(
        (200, BadDay.claim), (409, {}), (200, BadDay.claim), (201, {"answer_id": 1, "next": None})
    )
    await work_until(1, annotate(url))
    assert day.steps[:4] == ["claim", "answer", "claim", "answer"]


async def test_what_cannot_be_answered_is_skipped_with_the_reason(bad_day) -> None:
    strange = {**BadDay.claim, "request": {"id": 8, "kind": "song", "question": {"kind": "song"}}}
    day, url = bad_day((200, strange), (200, {"next": BadDay.claim}), (201, {"answer_id": 1, "next": None}))
    await work_until(1, annotate(url))
    assert day.steps[:3] == ["claim", "skip", "answer"]
    assert "cannot read this question" in day.asked[1][1]["reason"]


async def test_a_server_that_is_not_there_yet_is_waited_for(unused_tcp_port) -> None:
    told = Told()
    day = BadDay((200, BadDay.claim), (201, {"answer_id": 1, "next": None}))
    working = asyncio.create_task(annotate(f"http://127.0.0.1:{unused_tcp_port}")(told))
    await told.until("is away")
    with serving(day.app(), port=unused_tcp_port):
        await told.until("answered question 7")
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert day.steps[:2] == ["claim", "answer"]
