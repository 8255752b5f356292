"""What losses have in common that judge outputs by each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optimization.core.execution import running_below
from optimization.core.tape import with_tapes
from optimization.core.values import Value, collect_tape_ids, unwrap
from optimization.losses.module import Context, LossModule


class ComparingLoss(LossModule):
    """Judges several outputs of one input side by side: a subclass writes `judge_together` and `misfit`."""

    compares = True

    async def together(
        self, outputs: Sequence[Any], target: Any = None, *, context: Context | None = None
    ) -> list[Value]:
        """The feedback on each of the outputs, in their order, each with the tapes of its own output."""
        if not isinstance(outputs, list | tuple):
            raise TypeError(
                f"{type(self).__name__} compares a list of outputs, not {type(outputs).__name__}."
            )
        self.check_count(len(outputs))
        with running_below(type(self).__name__):
            verdicts = await self.judge_together(
                [unwrap(output) for output in outputs], unwrap(context or {})
            )
        return [
            with_tapes(verdict, collect_tape_ids(given))
            for verdict, given in zip(verdicts, outputs, strict=True)
        ]

    def misfit_target(self, target: Any) -> str | None:
        if target is not None:
            return None
        return (
            f"{type(self).__name__} compares an output with another one, and there is no target to compare it with. "
            "Give the examples a target, or judge several samples of each."
        )

    def check_count(self, count: int) -> None:
        """Raise ValueError, in words, for a number of outputs that cannot be compared."""
        problem = self.misfit(count)
        if problem is not None:
            raise ValueError(problem)

    async def judge_together(self, outputs: list[Any], context: Context) -> Sequence[Value]:
        raise NotImplementedError
