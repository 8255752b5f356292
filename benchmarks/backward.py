"""Framework time and tape memory a node: forward, backward and step over chains, fans and diamonds.

    python -m benchmarks.backward

The modules do nothing and the optimizer's model answers at once, so what is measured is the library alone, in CPU time.
"""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from optimization.core import MemoryRegistry, Module, ModuleList, Parameter, Value, use_registry
from optimization.llm import Completion, CompletionRequest
from optimization.optimizers import SFAOptimizer

SIZES = (10, 100, 1_000, 10_000)


class Step(Module):
    """A node with a parameter that learns; what it gives does not grow."""

    def __init__(self) -> None:
        self.prompt = Parameter("v", "a node of the benchmark")

    async def forward(self, *texts: Any) -> str:
        return "x"


class Shape(Module):
    def __init__(self, size: int) -> None:
        self.steps = ModuleList(Step() for _ in range(size))


class Chain(Shape):
    def forward(self, text: Any) -> Any:
        for step in self.steps:
            text = step(text)
        return text


class Fan(Shape):
    """One node that all others read; the last one reads them all."""

    def forward(self, text: Any) -> Any:
        first, *middle, last = self.steps
        text = first(text)
        return last(*(step(text) for step in middle))


class Diamonds(Shape):
    """Two that read one, and the next one that reads both, again and again."""

    def forward(self, text: Any) -> Any:
        steps = list(self.steps)
        texts = [text]
        while steps:
            source = steps.pop()(*texts)
            texts = [steps.pop()(source) for _ in range(min(2, len(steps)))] or [source]
        return texts


class Instant:
    """Answers every call at once with a new value."""

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        return Completion(text=json.dumps({"value": "w", "reason": ""}), model="instant")


@dataclass(frozen=True)
class Measured:
    """Microseconds of CPU, and bytes of tape, a node."""

    forward: float
    backward: float
    step: float
    tape: float


async def measure(shape: Callable[[int], Module], size: int) -> Measured:
    module = shape(size).train()
    optimizer = SFAOptimizer(module.parameters()).bind(Instant())
    registry = MemoryRegistry()
    with use_registry(registry):
        started = process_time()
        output = await module("x")
        forward = process_time() - started
        started = process_time()
        await Value.backward(output, grad="Shorter.")
        backward = process_time() - started
        started = process_time()
        changed = await optimizer.step()
        step = process_time() - started
        assert len(changed) == size
        tape = await tape_bytes(module)
    return Measured(*(1e6 * seconds / size for seconds in (forward, backward, step)), tape / size)


async def tape_bytes(module: Module) -> int:
    """What one more record keeps in memory."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    output = await module("x")
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del output
    return kept


def main() -> None:
    table = Table(title="Framework time a node (CPU, µs) and tape memory a node (bytes)")
    for heading in ("shape", "nodes", "forward", "backward", "step", "tape"):
        table.add_column(heading, justify="left" if heading == "shape" else "right")
    console = Console()
    runs = [(shape, size) for shape in (Chain, Fan, Diamonds) for size in SIZES]
    for shape, size in track(runs, console=console, description="measuring"):
        found = asyncio.run(measure(shape, size))
        figures = (found.forward, found.backward, found.step, found.tape)
        table.add_row(shape.__name__.lower(), f"{size:,}", *(f"{figure:,.0f}" for figure in figures))
    console.print(table)


if __name__ == "__main__":
    main()
