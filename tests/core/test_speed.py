"""Framework time: under 0.2 ms a node forward and backward each, and linear in the nodes."""

from __future__ import annotations

import asyncio
from time import process_time
from typing import Any

import pytest

from optimization.core import Module, ModuleList, Sequential, Value
from tests.pace import best_of, operations

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


async def forward(module: Module) -> Any:
    return await module.train()("x")


async def backward(output: Any) -> None:
    await Value.backward(output, grad="a", retain_graph=True)


shapes = pytest.mark.parametrize("shape", [chain, Fan, Diamonds])
kinds = pytest.mark.parametrize("kind", [Step, AsyncStep])


@kinds
@shapes
def test_framework_time_grows_linearly_with_the_nodes(shape: Any, kind: type[Module]) -> None:
    def per_node(count: int) -> tuple[float, float]:
        module = shape(count, kind)
        with asyncio.Runner() as runner:
            there = operations(lambda: runner.run(forward(module)))
            output = runner.run(forward(module))
            back = operations(lambda: runner.run(backward(output)))
        return there / count, back / count

    few, many = per_node(300), per_node(1500)
    assert many[0] < few[0] * 1.1
    assert many[1] < few[1] * 1.1


@kinds
@shapes
def test_framework_time_per_node_is_under_a_fifth_of_a_millisecond(shape: Any, kind: type[Module]) -> None:
    count = 3000
    module = shape(count, kind)

    def per_node(work: Any) -> float:
        with asyncio.Runner() as runner:
            runner.get_loop()
            started = process_time()
            runner.run(work)
            return (process_time() - started) / count

    output = asyncio.run(forward(module))
    assert best_of(lambda: per_node(forward(module)), BUDGET) < BUDGET
    assert best_of(lambda: per_node(backward(output)), BUDGET) < BUDGET
