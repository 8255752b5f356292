"""Things that belong to one event loop: connections, locks and semaphores must not cross from one to another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One `make()` for each event loop, made when first asked for.

    `close`, where there is one, is awaited when the loop ends (as `asyncio.run` ends one) or when nobody holds this any more.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[object]] | None = None) -> None:
        self._make = make
        self._close = close
        self._made: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[None] | None]] = {}

    def get(self) -> T:
        loop = asyncio.get_running_loop()
        found = self._made.get(loop)
        if found is None:
            self._made = {other: kept for other, kept in self._made.items() if not other.is_closed()}
            made = self._make()
            found = self._made[loop] = made, _kept(made, self._close) if self._close is not None else None
        return found[0]

    async def aclose(self) -> None:
        """Close and forget the present loop's, if it was made; the next `get` makes another."""
        _, kept = self._made.pop(asyncio.get_running_loop(), (None, None))
        if kept is not None:
            await kept.aclose()


def _kept(made: T, close: Callable[[T], Awaitable[object]]) -> AsyncGenerator[None]:
    """An asynchronous generator that has begun: its event loop finishes it, and so closes what was made."""

    async def keeping() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await close(made)

    kept = keeping()
    with contextlib.suppress(StopIteration):
        kept.asend(None).send(None)
    return kept
