"""Running a graph: independent nodes at once, and everything cleaned up when one fails."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any

from optimization.core.binding import Limit
from optimization.core.graph import Graph, Node, resolve
from optimization.llm.messages import Usage
from optimization.llm.scope import Suspended, scoped


class Frame:
    """A leaf while it runs: the node it runs as, what its calls have used, how many runs it has nested."""

    __slots__ = ("nested", "node", "usage")

    def __init__(self, node: str) -> None:
        self.node = node
        self.usage: Usage | None = None
        self.nested = 0

    def add(self, usage: Usage) -> None:
        self.usage = usage if self.usage is None else self.usage + usage


_frame: ContextVar[Frame | None] = ContextVar("handgrad_frame", default=None)


def current_frame() -> Frame | None:
    """The leaf that is running here, if any."""
    return _frame.get()


@contextmanager
def running(node: str) -> Iterator[Frame]:
    """The code inside runs as `node`: its calls are keyed and counted there."""
    frame = Frame(node)
    token = _frame.set(frame)
    try:
        with scoped(node=node):
            yield frame
    finally:
        _frame.reset(token)


@contextmanager
def running_below(name: str) -> Iterator[Frame]:
    """The code inside runs as a node of its own within the leaf that is running, or by itself where none is."""
    outer = current_frame()
    prefix = _prefix_below(outer)
    with running(prefix + name) as frame:
        yield frame
    if outer is not None and frame.usage is not None:
        outer.add(frame.usage)


def _prefix_below(outer: Frame | None) -> str:
    """What the names of the next run within a leaf begin with: each run has another."""
    if outer is None:
        return ""
    prefix = f"{outer.node}.{outer.nested}."
    outer.nested += 1
    return prefix


class Execution:
    """One run of a graph: outputs, seconds and usage by node.

    A strand is one chain of nodes driven without a task of its own; where the graph forks, the other branches
    get tasks. A node that raises cancels the rest. A node that waits for people (Suspended) stops only what
    depends on it: the other branches go on, so that every question is asked and no paid call is thrown away.
    """

    def __init__(self, graph: Graph, limit: Limit | None = None) -> None:
        self.graph = graph
        self.outputs: dict[str, Any] = dict(graph.inputs)
        self.seconds: dict[str, float] = {}
        self.usage: dict[str, Usage] = {}
        self._semaphore = limit.semaphore() if limit is not None else None
        self._consumers = graph.consumers()
        self._waiting = {node.id: len(node.parents) for node in graph.nodes.values()}
        self._suspended: Suspended | None = None
        self._prefix = _prefix_below(current_frame())

    async def run(self) -> None:
        """Run every node; raises what the first failing node raised, or Suspended if one waits for people."""
        ready = deque(node for node in self.graph.nodes.values() if not node.parents)
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._strand(ready, tasks)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        if self._suspended is not None:
            raise self._suspended

    async def _strand(self, ready: deque[Node], tasks: asyncio.TaskGroup) -> None:
        while ready:
            plain = [node for node in ready if not node.module.is_async()]
            waits = [node for node in ready if node.module.is_async()]
            ready.clear()
            for node in waits if plain else waits[1:]:
                tasks.create_task(self._strand(deque([node]), tasks))
            for node in plain or waits[:1]:
                if await self._complete(node):
                    self._release(node, ready)

    def _release(self, node: Node, ready: deque[Node]) -> None:
        for consumer in self._consumers[node.id]:
            self._waiting[consumer] -= 1
            if not self._waiting[consumer]:
                ready.append(self.graph.nodes[consumer])

    async def _complete(self, node: Node) -> bool:
        if self._semaphore is None:
            return await self._forward(node)
        async with self._semaphore:
            return await self._forward(node)

    async def _forward(self, node: Node) -> bool:
        name = self._prefix + node.id
        started = perf_counter()
        try:
            with running(name) as frame:
                args, kwargs = resolve((node.args, node.kwargs), self.outputs.__getitem__)
                output = node.module.forward(*args, **kwargs)
                if inspect.isawaitable(output):
                    output = await output
        except Suspended as suspended:
            self._suspended = self._suspended or suspended
            return False
        except Exception as error:
            error.add_note(f"in node {name!r} ({type(node.module).__name__})")
            raise
        self.outputs[node.id] = output
        self.seconds[node.id] = perf_counter() - started
        if frame.usage is not None:
            self.usage[node.id] = frame.usage
            outer = current_frame()
            if outer is not None:
                outer.add(frame.usage)
        return True
