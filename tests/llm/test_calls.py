"""A call: what is sent, what comes back, how often it is tried, what it costs."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx2
import openai
import pytest

from optimization.llm import (
    CompletionRequest,
    DollarBudget,
    EndpointConfig,
    EndpointError,
    MemoryCache,
    Message,
    RateLimiter,
    ResourceConfig,
    ResourceManager,
    Usage,
)
from optimization.llm.calls import LONGEST_WAIT, EndpointCalls
from optimization.llm.errors import BudgetSpent, NoLimitToPrice, RateLimited, ServerFailed
from optimization.llm.wire import make_http_client, request_body
from tests.llm.scripted import Answer, ScriptedEndpoint, fails, says, streams

HELLO = CompletionRequest(
    messages=(Message(role="system", content="be kind"), Message(role="user", content="hi"))
)


def endpoint(server: ScriptedEndpoint, **settings: object) -> EndpointConfig:
    return EndpointConfig("the-model", server.url, **{"retry_delay": 0.01, "timeout": 5, **settings})  # type: ignore[arg-type]


async def test_a_request_is_sent_as_a_chat_completion_with_its_json_schema(server: ScriptedEndpoint) -> None:
    schema = {"type": "object", "properties": {"value": {"type": "string"}}}
    request = HELLO.model_copy(
        update={"temperature": 0.2, "max_tokens": 50, "response_schema": schema, "schema_name": "update"}
    )
    completion = await ResourceManager(endpoint(server, api_key="a key")).complete("default", request)
    assert completion.text == "hello"
    assert server.headers[0]["authorization"] == "Bearer a key"
    assert server.requests == [
        {
            "model": "the-model",
            "messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}],
            "temperature": 0.2,
            "max_tokens": 50,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "update", "schema": schema, "strict": True},
            },
        }
    ]


def test_openai_itself_is_told_the_limit_under_its_new_name() -> None:
    body = request_body(EndpointConfig("gpt-4o", "https://api.openai.com/v1", max_tokens=7), HELLO)
    assert body["max_completion_tokens"] == 7
    assert "max_tokens" not in body


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_no_database_can_hold_is_left_out_of_a_reply(
    server: ScriptedEndpoint, streamed: bool
) -> None:
    server.otherwise = streams("he\x00", "llo") if streamed else says("he\x00llo")
    manager = ResourceManager(endpoint(server), on_delta=(lambda alias, piece: None) if streamed else None)

    assert (await manager.complete("default", HELLO)).text == "hello"


async def test_a_further_sample_carries_its_number_and_the_first_carries_none(
    server: ScriptedEndpoint,
) -> None:
    manager = ResourceManager(endpoint(server))
    for number in (0, 2):
        await manager.complete("default", HELLO.model_copy(update={"sample": number}))
    assert [sent.get("x-sample") for sent in server.headers] == [None, "2"]


async def test_requests_are_those_that_the_openai_client_makes_by_itself(server: ScriptedEndpoint) -> None:
    config = endpoint(server, api_key="a key")
    server.otherwise = replace(says("hello"), headers={"set-cookie": "of=the server"})
    manager = ResourceManager(config)
    for number in (0, 0, 2, 0):
        await manager.complete("default", HELLO.model_copy(update={"sample": number}))
    own = openai.AsyncOpenAI(api_key="a key", base_url=server.url, timeout=None)
    await own.post("/chat/completions", body=request_body(config, HELLO), cast_to=httpx2.Response)

    first, second, sampled, fourth, wanted = server.headers
    assert "cookie" not in sampled
    assert first == second == fourth == wanted
    assert sampled == {**wanted, "x-sample": "2"}
    assert all(sent == server.requests[-1] for sent in server.requests)


async def test_usage_is_counted_and_priced_per_call_and_summed_per_alias(server: ScriptedEndpoint) -> None:
    server.otherwise = says("hello", usage={"prompt_tokens": 1000, "completion_tokens": 200})
    manager = ResourceManager(endpoint(server, input_cost_per_1m=2.0, output_cost_per_1m=10.0))
    completion = await manager.complete("default", HELLO)
    assert completion.usage == Usage(calls=1, prompt_tokens=1000, completion_tokens=200, cost=0.004)
    assert completion.latency > 0
    await manager.complete("judge", HELLO)
    assert manager.usage_by_alias["judge"].cost == 0.004
    assert manager.usage.calls == 2


async def test_a_server_that_counts_no_tokens_is_priced_by_the_length_of_the_texts(
    server: ScriptedEndpoint,
) -> None:
    server.otherwise = says("x" * 40, usage={})
    manager = ResourceManager(endpoint(server, output_cost_per_1m=1e6))
    assert (await manager.complete("default", HELLO)).usage.cost == 10


async def test_an_alias_falls_back_to_its_first_part_and_then_to_default(server: ScriptedEndpoint) -> None:
    def named(model: str) -> EndpointConfig:
        return EndpointConfig(model, server.url)

    manager = ResourceManager(ResourceConfig({"default": named("small"), "optimizer": named("large")}))
    for alias in ("optimizer/updater", "optimizer", "judge", "draft/first"):
        await manager.complete(alias, HELLO)
    assert [request["model"] for request in server.requests] == ["large", "large", "small", "small"]


async def test_a_streamed_reply_arrives_in_pieces_and_is_counted(server: ScriptedEndpoint) -> None:
    server.otherwise = streams("Dear ", "customer")
    heard: list[tuple[str, str]] = []
    manager = ResourceManager(endpoint(server), on_delta=lambda alias, piece: heard.append((alias, piece)))
    completion = await manager.complete("default", HELLO)
    assert completion.text == "Dear customer"
    assert heard == [("default", "Dear "), ("default", "customer")]
    assert completion.usage.tokens == 5
    assert server.requests[0]["stream_options"] == {"include_usage": True}


async def test_a_passing_fault_is_tried_again_and_counted_once(server: ScriptedEndpoint) -> None:
    server.then(fails(500), fails(503), says("at last"))
    manager = ResourceManager(endpoint(server, max_retries=2))
    assert (await manager.complete("default", HELLO)).text == "at last"
    assert manager.usage.calls == 1


async def test_retries_are_bounded_and_the_error_says_how_many_there_were(server: ScriptedEndpoint) -> None:
    server.otherwise = fails(500)
    with pytest.raises(ServerFailed, match="in 3 attempts"):
        await ResourceManager(endpoint(server, max_retries=2)).complete("default", HELLO)
    assert len(server.requests) == 3


async def test_a_permanent_fault_is_not_tried_again(server: ScriptedEndpoint) -> None:
    server.otherwise = fails(401)
    with pytest.raises(Exception, match="refused the API key"):
        await ResourceManager(endpoint(server, max_retries=5)).complete("default", HELLO)
    assert len(server.requests) == 1


async def test_waits_double_with_jitter_and_never_pass_their_bound(server: ScriptedEndpoint) -> None:
    calls = EndpointCalls("default", endpoint(server, retry_delay=1.0), http_client=make_http_client)

    def waits(attempt: int, retry_after: float | None = None) -> tuple[float, float]:
        drawn = [calls._wait_before(attempt, retry_after) for _ in range(200)]
        assert len(set(drawn)) > 100
        return min(drawn), max(drawn)

    for attempt, longest in ((1, 1.0), (2, 2.0), (3, 4.0), (30, LONGEST_WAIT)):
        least, most = waits(attempt)
        assert longest / 2 <= least < most <= longest
    least, most = waits(5, retry_after=7.0)
    assert 7.0 <= least < most <= 7.7


async def test_retry_after_is_honoured(server: ScriptedEndpoint) -> None:
    server.then(fails(429, retry_after_ms="200"))
    began = asyncio.get_running_loop().time()
    await ResourceManager(endpoint(server)).complete("default", HELLO)
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_a_retry_after_longer_than_anyone_waits_is_an_error_at_once(server: ScriptedEndpoint) -> None:
    server.otherwise = fails(429, retry_after="3600")
    with pytest.raises(RateLimited) as caught:
        await ResourceManager(endpoint(server)).complete("default", HELLO)
    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


async def test_no_more_calls_are_under_way_than_allowed(server: ScriptedEndpoint) -> None:
    server.otherwise = says("hello", delay=0.02)
    manager = ResourceManager(endpoint(server, max_concurrent=3))
    await asyncio.gather(*(manager.complete("default", HELLO) for _ in range(12)))
    assert server.most_at_once == 3


async def test_calls_begin_one_turn_of_the_loop_apart(server: ScriptedEndpoint) -> None:
    calls = EndpointCalls("default", endpoint(server), http_client=make_http_client)
    turn, turns = 0, []

    async def count() -> None:
        nonlocal turn
        while len(turns) < 8:
            turn += 1
            await asyncio.sleep(0)

    async def begin() -> None:
        await calls._begin()
        turns.append(turn)

    await asyncio.gather(count(), *(begin() for _ in range(8)))
    assert len(set(turns)) == 8


async def test_two_aliases_of_one_endpoint_share_its_limits(server: ScriptedEndpoint) -> None:
    server.otherwise = says("hello", delay=0.02)
    shared = endpoint(server, max_concurrent=2)
    manager = ResourceManager(ResourceConfig(a=shared, b=shared))
    await asyncio.gather(*(manager.complete(alias, HELLO) for alias in "abababab"))
    assert server.most_at_once == 2


async def test_no_more_calls_begin_in_a_minute_than_the_rate_allows(server: ScriptedEndpoint) -> None:
    manager = ResourceManager(endpoint(server, rate_limit=600))  # ten at once, then one every 0.1 s
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(manager.complete("default", HELLO) for _ in range(15)))
    assert asyncio.get_running_loop().time() - began >= 0.49


async def test_what_is_bound_by_itself_shares_the_limits_of_its_endpoint(server: ScriptedEndpoint) -> None:
    server.otherwise = says("hello", delay=0.02)
    limits = {"max_concurrent": 2, "rate_limit": 60_000}
    program, judge = (ResourceManager(endpoint(server, timeout=t, **limits)) for t in (5, 6))
    await asyncio.gather(*(manager.complete("default", HELLO) for manager in [program, judge] * 6))
    assert server.most_at_once == 2
    server.then(fails(429))
    await program.complete("default", HELLO)
    assert judge._find("default").requests.rpm < 60_000


async def test_a_burst_of_429s_lowers_the_rate_once(server: ScriptedEndpoint) -> None:
    server.then(*(replace(fails(429), delay=0.5) for _ in range(8)))
    limiter = RateLimiter(60_000)
    manager = ResourceManager(endpoint(server, rate_limit=60_000), limiter=lambda key, rate: limiter)
    await asyncio.gather(*(manager.complete("default", HELLO) for _ in range(8)))
    assert 30_000 <= limiter.rpm < 60_000


async def test_tokens_a_minute_hold_back_calls_by_what_they_really_used(server: ScriptedEndpoint) -> None:
    server.otherwise = says("hello", usage={"prompt_tokens": 100, "completion_tokens": 100})
    manager = ResourceManager(endpoint(server, tokens_per_minute=60_000))
    began = asyncio.get_running_loop().time()
    for _ in range(7):
        await manager.complete("default", HELLO)
    assert 0.15 < asyncio.get_running_loop().time() - began < 2.0


async def test_limits_may_be_kept_elsewhere_and_shared_under_a_key_that_names_address_model_and_unit(
    server: ScriptedEndpoint,
) -> None:
    kept: dict[str, RateLimiter] = {}

    def shared(key: str, per_minute: float) -> RateLimiter:
        return kept.setdefault(key, RateLimiter(per_minute))

    server.then(fails(429))
    for _ in range(2):
        await ResourceManager(
            endpoint(server, rate_limit=60_000, tokens_per_minute=1e6), limiter=shared
        ).complete("default", HELLO)
    assert list(kept) == [f"{server.url} the-model requests", f"{server.url} the-model tokens"]
    assert kept[f"{server.url} the-model requests"].rpm < 60_000


async def test_an_equal_request_is_answered_from_the_cache_and_costs_nothing(
    server: ScriptedEndpoint,
) -> None:
    manager = ResourceManager(endpoint(server), cache=MemoryCache())
    first, again = [await manager.complete("default", HELLO) for _ in range(2)]
    assert (first.text, first.usage.calls) == (again.text, 1)
    assert again.usage == Usage()
    assert len(server.requests) == 1


@pytest.mark.parametrize("sampling", [{"sample": 1}, {"temperature": 0.7}])
async def test_the_cache_is_off_for_sampling(server: ScriptedEndpoint, sampling: dict[str, float]) -> None:
    manager = ResourceManager(endpoint(server), cache=MemoryCache())
    for _ in range(2):
        await manager.complete("default", HELLO.model_copy(update=sampling))
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"a": 1}', True),
        ('Here it is:\n```json\n{"a": {}}\n```', True),
        ('{"a": ', False),
        ("I cannot.", False),
    ],
)
async def test_a_reply_without_the_json_that_was_asked_for_is_not_kept(
    server: ScriptedEndpoint, text: str, kept: bool
) -> None:
    server.otherwise = says(text)
    manager = ResourceManager(endpoint(server), cache=MemoryCache())
    for _ in range(2):
        await manager.complete("default", HELLO.model_copy(update={"response_schema": {"type": "object"}}))
    assert len(server.requests) == (1 if kept else 2)


async def test_a_different_limit_is_a_different_request_to_the_cache(server: ScriptedEndpoint) -> None:
    manager = ResourceManager(endpoint(server), cache=MemoryCache())
    for limit in (10, 20):
        await manager.complete("default", HELLO.model_copy(update={"max_tokens": limit}))
    assert len(server.requests) == 2


async def test_calls_at_once_cannot_overspend_a_budget_together(server: ScriptedEndpoint) -> None:
    server.otherwise = says("hello", usage={"prompt_tokens": 0, "completion_tokens": 10}, delay=0.01)
    budget = DollarBudget(0.35)
    manager = ResourceManager(endpoint(server, output_cost_per_1m=10_000.0, max_tokens=10), budget=budget)
    results = await asyncio.gather(
        *(manager.complete("default", HELLO) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(result, BudgetSpent) for result in results) == 7
    assert budget.spent == pytest.approx(0.3)
    assert budget.reserved == pytest.approx(0)


async def test_calls_that_reserved_too_much_leave_room_for_those_that_waited(
    server: ScriptedEndpoint,
) -> None:
    server.otherwise = says("hello", usage={"prompt_tokens": 0, "completion_tokens": 1}, delay=0.01)
    budget = DollarBudget(0.2)
    manager = ResourceManager(endpoint(server, output_cost_per_1m=10_000.0, max_tokens=10), budget=budget)
    await asyncio.gather(*(manager.complete("default", HELLO) for _ in range(10)))
    assert budget.spent == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("answer", "dollars"),
    [
        (fails(500), 0.0),
        (fails(429), 0.0),
        (says("late", delay=1), 0.1),
        (says("half a reply", cut=True), 0.1),
        (Answer(b"<html></html>", content_type="text/html"), 0.1),
    ],
    ids=["failed", "refused", "late", "cut off", "garbled"],
)
async def test_a_refused_call_costs_nothing_and_a_lost_reply_costs_what_was_reserved(
    server: ScriptedEndpoint, answer: Answer, dollars: float
) -> None:
    budget = DollarBudget(10)
    patience = 0.3 if answer.delay else 20
    settings = {"output_cost_per_1m": 10_000.0, "max_tokens": 10, "max_retries": 0, "timeout": patience}
    manager = ResourceManager(endpoint(server, **settings), budget=budget)
    server.then(answer)
    with pytest.raises(EndpointError):
        await manager.complete("default", HELLO)
    assert budget.spent == pytest.approx(dollars)
    assert budget.reserved == pytest.approx(0)


async def test_a_priced_endpoint_under_a_budget_needs_max_tokens(server: ScriptedEndpoint) -> None:
    manager = ResourceManager(endpoint(server, output_cost_per_1m=1.0), budget=DollarBudget(1))
    with pytest.raises(NoLimitToPrice, match="max_tokens"):
        await manager.complete("default", HELLO)
    assert server.requests == []


async def test_one_manager_serves_one_event_loop_after_another(server: ScriptedEndpoint) -> None:
    manager = ResourceManager(endpoint(server, max_concurrent=1, rate_limit=60_000))

    def in_a_loop_of_its_own() -> str:
        async def calls() -> str:
            replies = await asyncio.gather(*(manager.complete("default", HELLO) for _ in range(3)))
            await manager.aclose()
            return replies[0].text

        return asyncio.run(calls())

    for _ in range(2):
        assert await asyncio.to_thread(in_a_loop_of_its_own) == "hello"
