"""Dollars are set aside before a call and settled after it, so that calls made at once cannot overspend together."""

from __future__ import annotations

import asyncio
from typing import Protocol

from optimization.llm.errors import BudgetSpent

_ROUNDING = 1e-9


class Budget(Protocol):
    """Where dollars are kept: in this process, or in a row that all workers share."""

    async def reserve(self, where: str, dollars: float) -> None:
        """Set `dollars` aside for a call to the endpoint called `where`; BudgetSpent if they are not there."""

    async def settle(self, reserved: float, spent: float) -> None:
        """The call that reserved so much has spent so much."""


class DollarBudget:
    """At most `limit` US dollars, in memory.

    A call that does not fit because of others under way waits for them: they mostly cost less than they reserved.
    """

    def __init__(self, limit: float, spent: float = 0.0) -> None:
        for what, dollars in (("A budget", limit), ("What is spent of a budget", spent)):
            if not isinstance(dollars, int | float) or not dollars >= 0:
                raise ValueError(f"{what} must be a number of dollars, 0 or more, not {dollars!r}.")
        self.limit = limit
        self.spent = spent
        self.reserved = 0.0
        self._waiting: list[asyncio.Future[None]] = []

    async def reserve(self, where: str, dollars: float) -> None:
        while self.spent + self.reserved + dollars > self.limit + _ROUNDING:
            if self.spent + dollars > self.limit + _ROUNDING or self.reserved <= _ROUNDING:
                raise BudgetSpent(
                    where,
                    f"was not called: of a budget of ${self.limit:.4f}, ${self.spent:.4f} are spent, and this call "
                    f"may cost up to ${dollars:.4f}",
                )
            settled = asyncio.get_running_loop().create_future()
            self._waiting.append(settled)
            await settled
        self.reserved += dollars

    async def settle(self, reserved: float, spent: float) -> None:
        self.reserved = max(self.reserved - reserved, 0.0)
        self.spent += spent
        waiting, self._waiting = self._waiting, []
        for settled in waiting:
            if not settled.done():
                settled.set_result(None)
