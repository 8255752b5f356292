"""Backward in a durable run: the stored tapes are read again, in any process, and the texts kept by parameter name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optimization.core import use_registry
from optimization.models import Tape, WorkItem, WorkState
from optimization.runs.assembly import optimizer_made
from optimization.runs.work.bench import Bench
from optimization.runs.work.settling import Finish
from optimization.runs.work.sheet import Sheet
from optimization.runs.work.tapes import DatabaseRegistry
from optimization.runs.work.writer import Operation
from optimization.trainers.carrying import carry_back
from optimization.trainers.effects import Outcome


async def backward(sheet: Sheet, bench: Bench) -> Operation:
    """Carry the outcomes' feedback through their tapes; the result is {parameter name: texts}."""
    outcomes = [Outcome.model_validate(outcome) for outcome in sheet.item.payload["outcomes"]]
    registry = await DatabaseRegistry.read(bench, sheet.item, [one.tape for one in outcomes if one.tape])
    learning = {name: p for name, p in registry.step.module.named_parameters() if p.requires_grad}
    optimizer = optimizer_made(bench.program_config.optimizer, list(learning.items())).bind(bench.resources)
    with use_registry(registry):
        await carry_back(optimizer, outcomes, sheet.item.payload["aggregate"])
    texts = {name: parameter.feedback for name, parameter in learning.items()}
    return Finish(sheet.item, texts, released=registry.released)


@dataclass(frozen=True)
class CarriedBack:
    """What an iteration's last backward left: the records that it went through, and texts by parameter name."""

    records: Sequence[Mapping[str, Any]]
    texts: Mapping[str, Sequence[str]]

    @classmethod
    def before(cls, item: WorkItem) -> CarriedBack:
        """Left by the backward before this item's effect."""
        done = WorkItem.objects.filter(
            run=item.run_id,
            kind="backward",
            state=WorkState.DONE,
            effect__iteration=item.effect.iteration,
            effect__ordinal__lt=item.effect.ordinal,
        )
        last = done.order_by("-effect__ordinal").first()
        if last is None:
            return cls((), {})
        passed = [
            outcome["tape"] for outcome in last.payload["outcomes"] if outcome["tape"] and outcome["feedback"]
        ]
        tapes = Tape.objects.in_bulk(passed)
        return cls([tapes[tape].record for tape in passed], last.result or {})
