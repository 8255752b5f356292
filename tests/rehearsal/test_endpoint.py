"""The rehearsal endpoint over real HTTP, as OpenAI's client sees it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Literal

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel

from optimization.rehearsal import NOTICE
from optimization.rehearsal.endpoint import FAULT_HEADER, Options, running
from tests.rehearsal.conftest import TICKETS, case_text

SYSTEM = {"role": "system", "content": "Greet the customer by name. Name the order number."}
MESSAGES = [SYSTEM, {"role": "user", "content": case_text(TICKETS[0]["inputs"])}]
VERDICT = {
    "type": "object",
    "properties": {
        "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
        "justification": {"type": "string"},
        "actionable_improvements": {"type": "array", "items": {"type": "string"}},
    },
}


async def ask(client: AsyncOpenAI, **options):
    return await client.chat.completions.create(**{"model": "rehearsal", "messages": MESSAGES, **options})


async def test_it_writes_what_the_prompt_asks_for_and_counts_tokens(client) -> None:
    reply = await ask(client)
    assert reply.choices[0].message.content.startswith("Hello Mina,")
    assert "HB-20418" in reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.prompt_tokens > 100
    assert reply.usage.completion_tokens > 20
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


async def test_equal_requests_get_byte_equal_replies_whatever_came_between(base_url) -> None:
    body = {"model": "rehearsal", "messages": MESSAGES}
    async with httpx2.AsyncClient(base_url=base_url) as http:
        first = await http.post("/chat/completions", json=body)
        await http.post("/chat/completions", json={**body, "messages": MESSAGES[1:]})
        again = await http.post("/chat/completions", json=body)
    assert first.content == again.content


async def test_samples_of_one_request_differ_and_each_is_the_same_again(client) -> None:
    async def sampled(number: int) -> str:
        reply = await ask(client, extra_headers={"X-Sample": str(number)})
        return reply.choices[0].message.content

    texts = [await sampled(number) for number in (0, 1, 2, 0, 1, 2)]
    assert texts[:3] == texts[3:]
    assert len(set(texts)) == 3
    assert texts[0] == (await ask(client)).choices[0].message.content


async def test_a_stream_carries_the_same_text_and_the_usage(client) -> None:
    whole = await ask(client)
    pieces, usage, finished = [], None, None
    async for event in await ask(client, stream=True, stream_options={"include_usage": True}):
        usage = event.usage or usage
        for choice in event.choices:
            pieces.append(choice.delta.content or "")
            finished = choice.finish_reason or finished
    assert "".join(pieces) == whole.choices[0].message.content
    assert len(pieces) > 10
    assert finished == "stop"
    assert usage == whole.usage


async def test_a_json_schema_gets_json_of_that_schema(client) -> None:
    judged = "<output>We are looking into it.</output>" + MESSAGES[1]["content"]
    reply = await ask(
        client,
        messages=[{"role": "user", "content": judged}],
        response_format={"type": "json_schema", "json_schema": {"name": "verdict", "schema": VERDICT}},
    )
    verdict = json.loads(reply.choices[0].message.content)
    assert set(verdict) == set(VERDICT["properties"])
    assert verdict["score"] in {1, 2}
    assert verdict["actionable_improvements"]


async def test_an_unknown_schema_is_filled_in(client) -> None:
    schema = {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["late", "broken"]},
            "urgent": {"type": "boolean"},
            "days": {"type": "integer", "minimum": 2},
            "lines": {"type": "array", "items": {"type": "string"}},
        },
    }
    reply = await ask(
        client, response_format={"type": "json_schema", "json_schema": {"name": "triage", "schema": schema}}
    )
    filled = json.loads(reply.choices[0].message.content)
    assert (filled["kind"], filled["urgent"], filled["days"]) == ("late", True, 2)
    assert "HB-20418" in filled["lines"][0]


async def test_a_schema_with_references_is_satisfied(client) -> None:
    class Line(BaseModel):
        text: str
        urgency: Literal["low", "high"] | None = None

    class Report(BaseModel):
        lines: list[Line]
        score: float
        summary: str

    named = {"name": "report", "schema": Report.model_json_schema()}
    reply = await ask(client, response_format={"type": "json_schema", "json_schema": named})
    report = Report.model_validate_json(reply.choices[0].message.content)
    assert "HB-20418" in report.summary


async def test_json_without_a_schema_is_an_object(client) -> None:
    reply = await ask(client, response_format={"type": "json_object"})
    assert "HB-20418" in json.loads(reply.choices[0].message.content)["text"]


async def test_a_short_max_tokens_cuts_the_reply_and_says_so(client) -> None:
    whole = (await ask(client)).choices[0].message.content
    reply = await ask(client, max_tokens=5)
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage.completion_tokens == 5
    assert whole.startswith(reply.choices[0].message.content)


async def test_a_plain_greeting_is_told_what_answers(client) -> None:
    reply = await ask(client, messages=[{"role": "user", "content": "Say hello."}])
    assert NOTICE in reply.choices[0].message.content


async def test_the_one_model_is_listed_and_owned_by_no_language_model(client) -> None:
    models = [model async for model in client.models.list()]
    assert [(model.id, model.owned_by) for model in models] == [("rehearsal", NOTICE)]
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-5")


async def test_an_unknown_model_is_a_404_that_names_the_known_one(client) -> None:
    with pytest.raises(openai.NotFoundError, match="has one: 'rehearsal'") as refused:
        await ask(client, model="gpt-5")
    assert refused.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b'{"model": "rehearsal"}', "messages"),
        (b'{"model": "rehearsal", "messages": []}', "messages"),
        (b'{"model": "rehearsal", "messages": [{"role": "boss", "content": "x"}]}', "messages.0.role"),
        (b"\xff\xfe", None),
    ],
)
async def test_a_malformed_request_is_a_400_that_names_the_field(base_url, body, param) -> None:
    async with httpx2.AsyncClient() as http:
        reply = await http.post(f"{base_url}/chat/completions", content=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param
    assert reply.json()["error"]["message"]


async def test_with_a_key_only_that_key_is_let_in() -> None:
    with running(Options(key="sk-right")) as url:
        right = AsyncOpenAI(base_url=url, api_key="sk-right", max_retries=0)
        wrong = AsyncOpenAI(base_url=url, api_key="sk-wrong", max_retries=0)
        assert (await ask(right)).choices
        with pytest.raises(openai.AuthenticationError) as refused:
            await ask(wrong)
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            await wrong.models.list()


async def test_three_hundred_calls_at_once_wait_side_by_side() -> None:
    with running(Options(latency=1.0)) as url:
        async with AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:
            started = time.perf_counter()
            replies = await asyncio.gather(*(ask(client, max_tokens=3) for _ in range(300)))
    assert len(replies) == 300
    assert time.perf_counter() - started < 60


async def test_concurrency_makes_the_rest_wait_for_a_place() -> None:
    with running(Options(latency=0.2, concurrency=2)) as url:
        async with AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:
            started = time.perf_counter()
            await asyncio.gather(*(ask(client) for _ in range(6)))
    assert time.perf_counter() - started >= 0.6


class TestFaults:
    async def test_a_429_says_how_long_to_wait(self, client) -> None:
        with pytest.raises(openai.RateLimitError) as refused:
            await ask(client, extra_headers={FAULT_HEADER: "429=7; test 1"})
        assert refused.value.response.headers["retry-after"] == "7"

    async def test_the_header_names_what_happens_to_each_request_in_turn(self, client) -> None:
        headers = {FAULT_HEADER: "500, ok, 503=2; test 2"}
        with pytest.raises(openai.InternalServerError):
            await ask(client, extra_headers=headers)
        assert (await ask(client, extra_headers=headers)).choices
        with pytest.raises(openai.InternalServerError) as refused:
            await ask(client, extra_headers=headers)
        assert refused.value.status_code == 503
        assert (await ask(client, extra_headers=headers)).choices

    async def test_a_client_that_retries_gets_through(self, base_url) -> None:
        client = AsyncOpenAI(base_url=base_url, api_key="x", max_retries=2)
        reply = await ask(client, extra_headers={FAULT_HEADER: "429=0.01*2; test 3"})
        assert reply.choices

    async def test_hanging_outlasts_the_clients_patience(self, client) -> None:
        with pytest.raises(openai.APITimeoutError):
            await ask(client, timeout=0.3, extra_headers={FAULT_HEADER: "hang; test 4"})

    async def test_half_closed_breaks_the_connection(self, client) -> None:
        with pytest.raises(openai.APIConnectionError):
            await ask(client, extra_headers={FAULT_HEADER: "half-closed; test 5"})

    async def test_a_stream_that_is_half_closed_never_finishes(self, client) -> None:
        headers = {FAULT_HEADER: "half-closed; test 5b"}
        with pytest.raises((openai.APIConnectionError, httpx2.RemoteProtocolError)):
            async for _ in await ask(client, stream=True, extra_headers=headers):
                pass

    async def test_cut_json_is_no_json(self, base_url) -> None:
        async with httpx2.AsyncClient() as http:
            reply = await http.post(
                f"{base_url}/chat/completions",
                json={"model": "rehearsal", "messages": MESSAGES},
                headers={FAULT_HEADER: "cut-json; test 6"},
            )
        assert reply.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            reply.json()

    async def test_empty_choices_and_html_come_with_status_200(self, client) -> None:
        assert (await ask(client, extra_headers={FAULT_HEADER: "empty-choices; test 7"})).choices == []
        page = await client.chat.completions.with_raw_response.create(
            model="rehearsal", messages=MESSAGES, extra_headers={FAULT_HEADER: "html; test 8"}
        )
        assert page.headers["content-type"].startswith("text/html")

    async def test_garbage_is_a_reply_that_is_not_what_was_asked_for(self, client) -> None:
        reply = await ask(
            client,
            response_format={"type": "json_schema", "json_schema": {"name": "verdict", "schema": VERDICT}},
            extra_headers={FAULT_HEADER: "garbage; test 9"},
        )
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply.choices[0].message.content)

    async def test_a_rate_hits_the_same_share_each_time(self) -> None:
        async def failures() -> int:
            with running(Options(faults="500@0.3")) as url:
                client = AsyncOpenAI(base_url=url, api_key="x", max_retries=0)
                replies = [await asyncio.gather(ask(client), return_exceptions=True) for _ in range(40)]
            return sum(isinstance(reply, openai.InternalServerError) for (reply,) in replies)

        first = await failures()
        assert 4 <= first <= 20
        assert await failures() == first

    async def test_an_unknown_fault_is_refused_with_the_list_of_known_ones(self, client) -> None:
        with pytest.raises(openai.BadRequestError, match="half-closed"):
            await ask(client, extra_headers={FAULT_HEADER: "meteor"})
