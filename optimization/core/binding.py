"""What a module is bound to, and how much of it may run at once."""

from __future__ import annotations

import asyncio
from typing import Any

from optimization.llm import EndpointConfig, ResourceConfig, ResourceManager, Resources
from optimization.llm.loops import PerLoop


def as_resources(resources: Any) -> Resources:
    """`resources` itself, or the real clients of a ResourceConfig or of a single EndpointConfig."""
    if isinstance(resources, ResourceConfig | EndpointConfig):
        return ResourceManager(resources)
    if callable(getattr(resources, "complete", None)):
        bound: Resources = resources
        return bound
    raise TypeError(
        f"Cannot bind to {type(resources).__name__}: it has no complete(alias, request). "
        "Give an EndpointConfig, a ResourceConfig, or an object of your own with that method."
    )


class Limit:
    """At most `count` at once, in each event loop."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"max_concurrent is at least 1, not {count}. Leave it out for no bound.")
        self._semaphores = PerLoop(lambda: asyncio.Semaphore(count))

    def semaphore(self) -> asyncio.Semaphore:
        return self._semaphores.get()
