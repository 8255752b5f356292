"""What belongs to an event loop: one each, closed when its loop ends or when nobody holds it any more."""

from __future__ import annotations

import asyncio
import gc

from optimization.llm.loops import PerLoop


class Made:
    def __init__(self, log: list[Made]) -> None:
        self.log = log

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.log.append(self)


def test_each_loop_has_its_own_closed_when_the_loop_ends() -> None:
    closed: list[Made] = []
    kept = PerLoop(lambda: Made(closed), Made.close)

    async def twice() -> Made:
        assert kept.get() is kept.get()
        return kept.get()

    first = asyncio.run(twice())
    assert closed == [first]
    second = asyncio.run(twice())
    assert second is not first
    assert closed == [first, second]


async def test_what_nobody_holds_is_closed_while_the_loop_goes_on() -> None:
    closed: list[Made] = []
    kept = PerLoop(lambda: Made(closed), Made.close)
    made = kept.get()
    del kept
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    assert closed == [made]


async def test_closing_closes_once_and_the_next_use_makes_another() -> None:
    closed: list[Made] = []
    kept = PerLoop(lambda: Made(closed), Made.close)
    made = kept.get()
    await kept.aclose()
    await kept.aclose()
    assert closed == [made]
    assert kept.get() is not made
