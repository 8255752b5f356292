"""Framework time: under 0.2 ms a node forward and backward each, and linear in the nodes."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

from optimization.core import Module, ModuleList, Sequential, Value

BUDGET = 0.0002


class Step(Module):
    def forward(self, *texts: Any) -> str:
        return "x"


class AsyncStep(Module):
    async def forward(self, *texts: Any) -> str:
        return "x"


class Fan(Module):
    """One source, many that read it, one that reads them all: a fan and a wide diamond in one."""

    def __init__(self, count: int, kind: type[Module]) -> None:
        self.source, self.sink = kind(), kind()
        self.middle = ModuleList(kind() for _ in range(count - 2))

    def forward(self, text: Any) -> Any:
        source = self.source(text)
        return self.sink(*(step(source) for step in self.middle))


class Diamonds(Module):
    """Small diamonds in a row."""

    def __init__(self, count: int, kind: type[Module]) -> None:
        self.steps = ModuleList(kind() for _ in range(count))

    def forward(self, text: Any) -> Any:
        steps = iter(self.steps)
        for source, left, right in zip(steps, steps, steps, strict=False):
            text = source(text)
            text = [left(text), right(text)]
        return text


def chain(count: int, kind: type[Module]) -> Module:
    class Chain(Module):
        def __init__(self) -> None:
            self.steps = Sequential(*(kind() for _ in range(count)))

        def forward(self, text: Any) -> Any:
            return self.steps(text)

    return Chain()


async def seconds_per_node(module: Module, count: int) -> tuple[float, float]:
    """Forward and backward, the better of two."""
    module.train()
    times = []
    for _ in range(2):
        started = process_time()
        output = await module("x")
        forward = process_time() - started
        started = process_time()
        await Value.backward(output, grad="a")
        times.append((forward / count, (process_time() - started) / count))
    return min(time[0] for time in times), min(time[1] for time in times)


@pytest.mark.parametrize("kind", [Step, AsyncStep])
@pytest.mark.parametrize("shape", [chain, Fan, Diamonds])
async def test_framework_time_per_node_is_small_and_does_not_grow(shape: Any, kind: type[Module]) -> None:
    few = await seconds_per_node(shape(60, kind), 60)
    many = await seconds_per_node(shape(3000, kind), 3000)

    assert max(many) < BUDGET
    assert many[0] < few[0] * 4 + BUDGET / 10
    assert many[1] < few[1] * 4 + BUDGET / 10
