"""Resources over real endpoints: an alias finds its endpoint, and every call counts."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from optimization.llm.budget import Budget, DollarBudget
from optimization.llm.cache import CompletionCache, cache_key, worth_keeping
from optimization.llm.calls import EndpointCalls
from optimization.llm.endpoints import EndpointConfig, ResourceConfig
from optimization.llm.limits import MakeLimiter, MakePlaces, in_memory, places_in_memory
from optimization.llm.messages import Completion, CompletionRequest, Usage
from optimization.llm.wire import make_http_client

OnDelta = Callable[[str, str], None]
_log = logging.getLogger("handgrad.llm")


class ResourceManager:
    """What modules, losses and optimizers are bound to.

    Aliases of equal endpoints share one client and its limits. `usage_by_alias` sums what the endpoints have used, by
    the alias that was asked for. With `on_delta` replies are streamed, and `on_delta(alias, text)` is told each piece; a
    reply that breaks off and is asked for again is told again from its beginning.
    `limiter`, `places` and `http_client` let a deployment share limits between processes and check where connections go.
    """

    def __init__(
        self,
        config: ResourceConfig | Mapping[str, EndpointConfig] | EndpointConfig,
        *,
        budget: Budget | None = None,
        cache: CompletionCache | None = None,
        on_delta: OnDelta | None = None,
        limiter: MakeLimiter = in_memory,
        places: MakePlaces = places_in_memory,
        http_client: Callable[[EndpointConfig], httpx2.AsyncClient] = make_http_client,
    ) -> None:
        if isinstance(config, EndpointConfig):
            config = ResourceConfig(default=config)
        self.config = config if isinstance(config, ResourceConfig) else ResourceConfig(config)
        if budget is not None and not callable(getattr(budget, "reserve", None)):
            raise TypeError(f"A budget is a DollarBudget, as in budget=DollarBudget(2.0), not {budget!r}.")
        if cache is not None and not callable(getattr(cache, "get", None)):
            raise TypeError(f"A cache is a MemoryCache, as in cache=MemoryCache(), not {cache!r}.")
        if isinstance(budget, DollarBudget) and not any(e.is_priced for e in self.config.values()):
            _log.warning(
                "The budget of $%g holds nothing back: no endpoint has a price. Give it input_cost_per_1m and "
                "output_cost_per_1m, in dollars.",
                budget.limit,
            )
        self.usage_by_alias: dict[str, Usage] = defaultdict(Usage)
        self._budget = budget
        self._cache = cache
        self._on_delta = on_delta
        self._limiter = limiter
        self._places = places
        self._http_client = http_client
        self._by_alias: dict[str, EndpointCalls] = {}
        self._by_endpoint: dict[EndpointConfig, EndpointCalls] = {}

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        """The reply of the endpoint that `alias` means. Raises an EndpointError."""
        calls = self._by_alias.get(alias) or self._find(alias)
        key = cache_key(calls.endpoint, request) if self._cache is not None else None
        listener = self._listener(alias)
        if self._cache is not None and key is not None and (kept := self._cache.get(key)):
            if listener is not None:
                listener(kept.text)
            return kept
        completion = await calls.complete(request, listener)
        self.usage_by_alias[alias] += completion.usage
        if self._cache is not None and key is not None and worth_keeping(request, completion):
            self._cache.put(key, completion)
        return completion

    @property
    def usage(self) -> Usage:
        """What all calls have used together."""
        return sum(self.usage_by_alias.values(), Usage())

    def update_usage(self, usage: Usage | Mapping[str, Any]) -> None:
        """Add what was used before this manager was made, as a loaded optimizer hands it back."""
        self.usage_by_alias["earlier"] += usage if isinstance(usage, Usage) else Usage(**usage)

    async def aclose(self) -> None:
        """Close the present event loop's connections; a later call opens new ones."""
        for calls in self._by_endpoint.values():
            await calls.aclose()

    def _find(self, alias: str) -> EndpointCalls:
        name = self.config.resolve(alias)
        endpoint = self.config[name]
        calls = self._by_endpoint.get(endpoint)
        if calls is None:
            calls = EndpointCalls(
                name,
                endpoint,
                http_client=self._http_client,
                limiter=self._limiter,
                places=self._places,
                budget=self._budget,
            )
            self._by_endpoint[endpoint] = calls
        self._by_alias[alias] = calls
        return calls

    def _listener(self, alias: str) -> Callable[[str], None] | None:
        on_delta = self._on_delta
        return (lambda piece: on_delta(alias, piece)) if on_delta is not None else None
