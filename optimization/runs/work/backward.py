"""Backward in a durable run: the stored tapes are read again, in any process, and the texts kept by parameter name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optimization.core import MemoryRegistry, use_registry
from optimization.models import Tape, WorkItem, WorkState
from optimization.runs.assembly import optimizer_made
from optimization.runs.work.bench import Bench
from optimization.runs.work.examples import record_read
from optimization.runs.work.settling import Finish
from optimization.runs.work.sheet import Sheet
from optimization.runs.work.writer import Operation
from optimization.trainers.carrying import carry_back
from optimization.trainers.effects import Outcome


async def backward(sheet: Sheet, bench: Bench) -> Operation:
    """Carry the outcomes' feedback through their tapes; the result is {parameter name: texts}."""
    outcomes = [Outcome.model_validate(outcome) for outcome in sheet.item.payload["outcomes"]]
    tapes = await bench.read(lambda: Tape.objects.in_bulk([o.tape for o in outcomes if o.tape]))
    step = await bench.own_step(next(iter(tapes.values())).candidate if tapes else bench.current_candidate)
    learning = {name: p for name, p in step.module.named_parameters() if p.requires_grad}
    optimizer = optimizer_made(bench.program_config.optimizer, list(learning.items())).bind(bench.resources)
    registry = MemoryRegistry(capacity=max(len(tapes), 1))
    for tape in tapes.values():
        registry.save(record_read(tape.record, step))
    with use_registry(registry):
        await carry_back(optimizer, outcomes, sheet.item.payload["aggregate"])
    return Finish(sheet.item, {name: parameter.feedback for name, parameter in learning.items()})


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
