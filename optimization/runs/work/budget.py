"""A run's dollars, in its row: set aside before a call and settled after it, whichever worker makes it.

The work item for which a call is made notes what is set aside for it, under its lease. Where the lease is lost, the
calls that were in the air then are charged at what the run's calls have cost on average (engine.reservations).
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
from optimization.models import Run, WorkItem
from optimization.runs.engine.leases import mine
from optimization.runs.work.sheet import item_at_work
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
        while (left := await self._writer.write(Reserve(self._run_id, item_at_work(), dollars))) is not None:
            if dollars > left.unspent or time.monotonic() > until:
                raise BudgetSpent(
                    where,
                    f"was not called: ${left.unspent:.4f} of the run's budget are not spent, and this call may cost up "
                    f"to ${dollars:.4f}",
                )
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def settle(self, reserved: float, spent: float) -> None:
        await self._writer.write(Settle(self._run_id, item_at_work(), reserved, spent))


@dataclass(frozen=True)
class Left:
    """Dollars of a budget that are not spent; some of them may be reserved."""

    unspent: float


@dataclass(frozen=True)
class Reserve:
    """None if the dollars were set aside, else what is left."""

    run_id: int
    item: WorkItem | None
    dollars: float

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[Left | None]:
        return [operation._reserve() for operation in batch]

    def _reserve(self) -> Left | None:
        fits = Run.objects.filter(pk=self.run_id, budget__gte=F("spent") + F("reserved") + self.dollars)
        if fits.update(reserved=F("reserved") + self.dollars):
            if self.item is not None:
                held = WorkItem.objects.filter(mine(self.item))
                held.update(set_aside=F("set_aside") + self.dollars, calls_out=F("calls_out") + 1)
            return None
        run = Run.objects.only("budget", "spent").get(pk=self.run_id)
        return Left(float(run.budget or 0) - run.spent)


@dataclass(frozen=True)
class Settle:
    """A call that had so much reserved has cost so much. Of a lost lease the reservation is settled already."""

    run_id: int
    item: WorkItem | None
    reserved: float
    spent: float

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[Any]:
        for operation in batch:
            operation._settle()
        return [None] * len(batch)

    def _settle(self) -> None:
        # The run's row first, as everywhere: two that lock both in another order would wait for each other.
        run = Run.objects.filter(pk=self.run_id)
        run.update(spent=F("spent") + self.spent)
        released = self.item is None or WorkItem.objects.filter(mine(self.item), calls_out__gt=0).update(
            set_aside=Greatest(F("set_aside") - self.reserved, 0.0), calls_out=F("calls_out") - 1
        )
        if released:
            run.update(reserved=Greatest(F("reserved") - self.reserved, 0.0))
