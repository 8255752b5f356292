"""One endpoint as it is called: within its limits, within the budget, tried again within bounds, and priced."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from optimization.llm.breaker import Breaker
from optimization.llm.budget import Budget
from optimization.llm.endpoints import EndpointConfig
from optimization.llm.errors import EndpointError, NoLimitToPrice, RateLimited
from optimization.llm.limits import MakeLimiter, MakePlaces, in_memory, places_in_memory
from optimization.llm.loops import PerLoop
from optimization.llm.messages import Completion, CompletionRequest, Usage
from optimization.llm.wire import MOST_CONNECTIONS, Reply, Wire

LONGEST_WAIT = 120.0
_BYTES_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 16


class EndpointCalls:
    """Calls to one endpoint, from any event loop. `name` is the alias that it was configured under."""

    def __init__(
        self,
        name: str,
        endpoint: EndpointConfig,
        *,
        http_client: Callable[[EndpointConfig], httpx2.AsyncClient],
        limiter: MakeLimiter = in_memory,
        places: MakePlaces = places_in_memory,
        budget: Budget | None = None,
    ) -> None:
        self.name = name
        self.endpoint = endpoint
        self.where = f"The endpoint {name!r} ({endpoint.model} at {endpoint.address})"
        self.budget = budget if endpoint.is_priced else None
        shared = f"{endpoint.url} {endpoint.model}"
        tokens = endpoint.tokens_per_minute
        self.requests = limiter(f"{shared} requests", endpoint.rate_limit or math.inf)
        self.tokens = limiter(f"{shared} tokens", tokens) if tokens else None
        self._wire = PerLoop(lambda: Wire(self.where, endpoint, http_client(endpoint)))
        most = endpoint.max_concurrent
        self._places = PerLoop(
            lambda: places(f"{shared} places", most) if most else asyncio.Semaphore(MOST_CONNECTIONS)
        )
        self._beginning = PerLoop(asyncio.Lock)
        self._breaker = Breaker(self.where)

    async def complete(
        self, request: CompletionRequest, on_delta: Callable[[str], None] | None = None
    ) -> Completion:
        """The reply with its usage, price and latency (seconds, of the attempt that succeeded).

        Raises an EndpointError: at once if it is not retryable, else after `max_retries` further attempts.
        """
        attempt = 0
        while True:
            try:
                return await self._attempt(request, on_delta)
            except EndpointError as error:
                attempt += 1
                error.attempts = attempt
                wait = self._wait_before(attempt, error.retry_after)
                if not error.retryable or attempt > self.endpoint.max_retries or wait > LONGEST_WAIT:
                    raise
            await asyncio.sleep(wait)

    async def aclose(self) -> None:
        """Close the present event loop's connections."""
        if wire := self._wire.pop():
            await wire.aclose()

    async def _attempt(
        self, request: CompletionRequest, on_delta: Callable[[str], None] | None
    ) -> Completion:
        """One attempt; its dollars are set aside before it takes a place, so that no place waits for them."""
        bill = _Bill(await self._reserve(request))
        try:
            async with self._places.get():
                return await self._ask(request, on_delta, bill)
        finally:
            if self.budget is not None:
                await self.budget.settle(bill.reserved, bill.spent)

    async def _ask(
        self, request: CompletionRequest, on_delta: Callable[[str], None] | None, bill: _Bill
    ) -> Completion:
        wire = self._wire.get()
        expected = tokens_expected(self.endpoint, request) if self.tokens else 0
        if self.tokens:
            await self.tokens.acquire(expected)
        await self._begin()
        begun = await self.requests.acquire()
        self._breaker.check()
        bill.spent = bill.reserved
        started, went_out = time.perf_counter(), self._breaker.now()
        try:
            reply = await wire.ask(request, on_delta)
        except EndpointError as error:
            self._note(error, begun)
            self._breaker.failed(error, went_out)
            if not error.billed:
                bill.spent = 0.0
            raise
        usage = self._usage(request, reply)
        bill.spent = usage.cost
        self._breaker.succeeded()
        self.requests.recover(begun=begun)
        if self.tokens:
            self.tokens.refund(expected - usage.tokens)
        return Completion(
            text=reply.text,
            model=reply.model,
            usage=usage,
            latency=time.perf_counter() - started,
            finish_reason=reply.finish_reason,
        )

    async def _begin(self) -> None:
        """Calls begin one after another: a crowd that begins together comes back together, and has to wait for itself."""
        async with self._beginning.get():
            await asyncio.sleep(0)

    async def _reserve(self, request: CompletionRequest) -> float:
        """Set aside the most that an attempt can cost. A reply that may have been billed and is lost costs that."""
        if self.budget is None:
            return 0.0
        limit = request.max_tokens or self.endpoint.max_tokens
        if limit is None:
            raise NoLimitToPrice(self.where)
        dollars = self.endpoint.cost(prompt_tokens_at_most(request), limit)
        await self.budget.reserve(self.where, dollars)
        return dollars

    def _note(self, error: EndpointError, begun: float) -> None:
        if isinstance(error, RateLimited) and error.retryable:
            self.requests.backoff(error.retry_after, begun=begun)

    def _usage(self, request: CompletionRequest, reply: Reply) -> Usage:
        """Tokens as the endpoint counted them; estimated from the text where it did not."""
        prompt, written = reply.prompt_tokens, reply.completion_tokens
        if prompt is None:
            prompt = prompt_tokens_at_most(request) // _BYTES_PER_TOKEN
        if written is None:
            written = -(-len(reply.text.encode()) // _BYTES_PER_TOKEN)
        return Usage(
            calls=1,
            prompt_tokens=prompt,
            completion_tokens=written,
            cost=self.endpoint.cost(prompt, written),
        )

    def _wait_before(self, attempt: int, retry_after: float | None) -> float:
        """Seconds before the attempt after `attempt`: Retry-After where given, else doubling; both with jitter."""
        if retry_after is not None:
            return retry_after * (1.0 + 0.1 * random.random())
        longest = min(self.endpoint.retry_delay * 2.0 ** (attempt - 1), LONGEST_WAIT)
        return longest * random.uniform(0.5, 1.0)


@dataclass
class _Bill:
    """What an attempt has set aside, and what of it is spent."""

    reserved: float
    spent: float = 0.0


def prompt_tokens_at_most(request: CompletionRequest) -> int:
    """No tokenizer makes more tokens than there are bytes."""
    size = sum(len(message.content.encode()) + _TOKENS_PER_MESSAGE for message in request.messages)
    return size + (len(str(request.response_schema)) if request.response_schema else 0)


def tokens_expected(endpoint: EndpointConfig, request: CompletionRequest) -> int:
    """A fair guess of the tokens that a call will use; what it was wrong by is set right after the call."""
    reply = request.max_tokens or endpoint.max_tokens or 0
    return max(prompt_tokens_at_most(request) // _BYTES_PER_TOKEN + reply, 1)
