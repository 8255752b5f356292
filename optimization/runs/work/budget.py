"""A run's dollars, in its row: set aside before a call and settled after it, whichever worker makes it.

What a killed worker had set aside stays set aside: its calls may have been billed. So a budget is never passed, and
after a kill it may end by that much too early.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.db.models import F
from django.db.models.functions import Greatest

from optimization.llm.errors import BudgetSpent
from optimization.models import Run
from optimization.runs.work.writer import Writer

LOOK_AGAIN_SECONDS = 0.25
LONGEST_WAIT = 120.0


class RunBudget:
    """The budget of one run, for all its workers."""

    def __init__(self, run_id: int, writer: Writer) -> None:
        self._run_id = run_id
        self._writer = writer

    async def reserve(self, where: str, dollars: float) -> None:
        """Set `dollars` aside. While only calls under way stand in the way, wait for them: most cost less."""
        until = time.monotonic() + LONGEST_WAIT
        while (left := await self._writer.write(Reserve(self._run_id, dollars))) is not None:
            if dollars > left.unspent or time.monotonic() > until:
                raise BudgetSpent(
                    where,
                    f"was not called: ${left.unspent:.4f} of the run's budget are not spent, and this call may cost up "
                    f"to ${dollars:.4f}",
                )
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def settle(self, reserved: float, spent: float) -> None:
        await self._writer.write(Settle(self._run_id, reserved, spent))


@dataclass(frozen=True)
class Left:
    """Dollars of a budget that are not spent; some of them may be reserved."""

    unspent: float


@dataclass(frozen=True)
class Reserve:
    """None if the dollars were set aside, else what is left."""

    run_id: int
    dollars: float

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[Left | None]:
        return [operation._reserve() for operation in batch]

    def _reserve(self) -> Left | None:
        fits = Run.objects.filter(pk=self.run_id, budget__gte=F("spent") + F("reserved") + self.dollars)
        if fits.update(reserved=F("reserved") + self.dollars):
            return None
        run = Run.objects.only("budget", "spent").get(pk=self.run_id)
        return Left(float(run.budget or 0) - run.spent)


@dataclass(frozen=True)
class Settle:
    """A call that had so much reserved has cost so much."""

    run_id: int
    reserved: float
    spent: float

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[Any]:
        for operation in batch:
            Run.objects.filter(pk=operation.run_id).update(
                reserved=Greatest(F("reserved") - operation.reserved, 0.0), spent=F("spent") + operation.spent
            )
        return [None] * len(batch)
