"""The test button: one real call to an endpoint, and what came of it in words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from optimization.catalog.addresses import guarded_http_client
from optimization.catalog.endpoints import endpoint_config
from optimization.catalog.errors import EndpointRefused
from optimization.llm import EndpointConfig, ResourceConfig, ResourceManager
from optimization.llm.errors import EndpointError
from optimization.llm.messages import Completion, CompletionRequest, Message
from optimization.models import Endpoint

LONGEST_SECONDS = 30.0
_REQUEST = CompletionRequest(
    messages=(Message(role="user", content="Reply with the one word: ready"),), max_tokens=256
)


@dataclass(frozen=True)
class EndpointTest:
    """`message` says what happened and, where it failed, what to do; `seconds` is the call's latency."""

    ok: bool
    message: str
    seconds: float | None = None


def endpoint_test(endpoint: Endpoint) -> EndpointTest:
    """Calls the endpoint as runs do, once and for LONGEST_SECONDS at most. Call it outside a transaction."""
    try:
        config = endpoint_config(endpoint)
        config = replace(config, max_retries=0, timeout=min(config.timeout, LONGEST_SECONDS))
        completion = asyncio.run(_call(endpoint.name, config))
    except (EndpointError, EndpointRefused) as error:
        return EndpointTest(ok=False, message=str(error))
    return EndpointTest(
        ok=True,
        message=f"{completion.model} answered in {completion.latency:.1f} s: “{_shortened(completion.text)}”",
        seconds=completion.latency,
    )


async def _call(name: str, config: EndpointConfig) -> Completion:
    manager = ResourceManager(ResourceConfig({name: config}), http_client=guarded_http_client)
    try:
        return await manager.complete(name, _REQUEST)
    finally:
        await manager.aclose()


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 80 else words[:80] + "…"
