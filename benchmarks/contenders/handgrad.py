"""Handgrad: two chained LLM nodes, every pass recorded."""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.contenders.task import DRAFT, REFINE, Task
from optimization.core import LLMInference, MemoryRegistry, Module, Parameter, use_registry
from optimization.llm import EndpointConfig


class Reply(Module):
    def __init__(self) -> None:
        self.draft = LLMInference("default", Parameter(DRAFT, "how replies are drafted"))
        self.refine = LLMInference("default", Parameter(REFINE, "how drafts are refined"))

    def forward(self, ticket: Any) -> Any:
        return self.refine(self.draft(ticket))


def main() -> None:
    task = Task.from_arguments()
    endpoint = EndpointConfig("benchmark", base_url=task.url, max_concurrent=task.at_once)
    program = Reply().bind(endpoint).train()

    async def work(tickets: list[str]) -> None:
        with use_registry(MemoryRegistry()) as registry:
            await asyncio.gather(*(program(ticket) for ticket in tickets))
            assert isinstance(registry, MemoryRegistry)
            assert len(registry) == len(tickets)

    task.measure_async(work)


if __name__ == "__main__":
    main()
