"""Awaiting several things at once, with one failure rule everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from optimization.llm.scope import Suspended

T = TypeVar("T")


async def concurrently(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results, in order. One that raises cancels the rest; one that is Suspended lets them finish first."""
    pending = list(coroutines)
    if len(pending) == 1:
        return [await pending[0]]
    results: dict[int, T] = {}
    waits: list[Suspended] = []

    async def finish(place: int, coroutine: Coroutine[Any, Any, T]) -> None:
        try:
            results[place] = await coroutine
        except Suspended as suspended:
            waits.append(suspended)

    try:
        async with asyncio.TaskGroup() as tasks:
            for place, coroutine in enumerate(pending):
                tasks.create_task(finish(place, coroutine))
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    if waits:
        raise waits[0]
    return [results[place] for place in range(len(pending))]
