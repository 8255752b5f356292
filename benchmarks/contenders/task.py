"""The task that all contenders do: each ticket drafted by one call and refined by a second that reads the first.

It imports nothing but the standard library, so that a contender in another virtual environment can share it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter, process_time

DRAFT = "You draft a reply to a customer of an online shop. Be friendly and concrete, and keep to the facts."
REFINE = (
    "You refine a drafted reply to a customer: shorter, clearer, and without promises that nobody can keep."
)
WARM_UP = 32


@dataclass(frozen=True)
class Task:
    """`at_once` is how many calls may be under way together."""

    url: str
    examples: int
    at_once: int

    @classmethod
    def from_arguments(cls) -> Task:
        parser = argparse.ArgumentParser()
        parser.add_argument("--url", required=True)
        parser.add_argument("--examples", type=int, required=True)
        parser.add_argument("--at-once", type=int, required=True)
        return cls(**vars(parser.parse_args()))

    def tickets(self, count: int) -> list[str]:
        return [
            f"Where is my order {number}? I have been waiting for two weeks now." for number in range(count)
        ]

    def measure(self, work: Callable[[list[str]], object]) -> None:
        """Do the task, after a warm-up, and print seconds on the clock and of processor time."""
        work(self.tickets(WARM_UP))
        wall, cpu = perf_counter(), process_time()
        work(self.tickets(self.examples))
        print(json.dumps({"wall": perf_counter() - wall, "cpu": process_time() - cpu}))

    def measure_async(self, work: Callable[[list[str]], Awaitable[object]]) -> None:
        with asyncio.Runner() as runner:
            self.measure(lambda tickets: runner.run(_awaited(work, tickets)))


async def _awaited(work: Callable[[list[str]], Awaitable[object]], tickets: list[str]) -> None:
    await work(tickets)
