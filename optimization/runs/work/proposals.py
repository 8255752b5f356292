"""The optimizer's step in a durable run: from the tapes of an iteration to stored, unapplied candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from optimization.core import Module
from optimization.models import Candidate, WorkItem
from optimization.optimizers import Optimizer
from optimization.runs.assembly import optimizer_made
from optimization.runs.engine.candidates import candidate_create
from optimization.runs.engine.leases import mine, settle
from optimization.runs.work.backward import CarriedBack
from optimization.runs.work.bench import Bench
from optimization.runs.work.sheet import Sheet
from optimization.runs.work.tapes import record_read
from optimization.runs.work.writer import Operation
from optimization.trainers.effects import Proposal


@dataclass(frozen=True)
class Written:
    """One proposal: the values that differ, and the optimizer's state if it is committed."""

    values: Mapping[str, str]
    optimizer_state: Mapping[str, Any]


async def propose(sheet: Sheet, bench: Bench) -> Operation:
    """Let the optimizer write its candidates from the iteration's feedback; nothing is applied."""
    payload = sheet.item.payload
    step = await bench.own_step(payload["candidate"], sheet.item)
    program = step.module
    learning = [
        (name, parameter) for name, parameter in program.named_parameters() if parameter.requires_grad
    ]
    optimizer = optimizer_made(bench.program_config.optimizer, learning).bind(bench.resources)
    if bench.run.optimizer_state:
        optimizer.load_state_dict(bench.run.optimizer_state)
    left = await bench.read(lambda: CarriedBack.before(sheet.item))
    for record in left.records:
        optimizer.capture_record(record_read(dict(record), step))
    for name, parameter in learning:
        parameter.feedback.extend(left.texts.get(name, ()))
    told = {name: list(parameter.feedback) for name, parameter in learning}
    proposals = await optimizer.propose(payload["n"]) if any(told.values()) else [{}] * payload["n"]
    written = _states_after(optimizer, program, proposals)
    return FinishProposals(sheet.item, payload["candidate"], written, told)


def _states_after(
    optimizer: Optimizer, program: Module, proposals: Sequence[Mapping[str, str]]
) -> list[Written]:
    """Each proposal with the state that applying it alone would leave."""
    state, values = optimizer.state_dict(), program.state_dict()
    written = []
    for proposal in proposals:
        optimizer.apply(proposal)
        written.append(Written(dict(proposal), optimizer.state_dict()))
        optimizer.load_state_dict(state)
        program.load_state_dict(values)
    return written


@dataclass(frozen=True)
class FinishProposals:
    """Store the proposals as candidates with their new parameter versions, and finish the item."""

    item: WorkItem
    origin: str
    written: Sequence[Written]
    told: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        return [operation._store() for operation in batch]

    def _store(self) -> bool:
        if WorkItem.objects.select_for_update().filter(mine(self.item)).first() is None:
            return False
        present = Candidate.objects.get(run=self.item.run_id, key=self.origin)
        proposals = [
            Proposal(
                candidate=self._candidate(present, str(label), written).key,
                changed=tuple(sorted(written.values)),
            )
            for label, written in enumerate(self.written)
        ]
        return settle(self.item, [proposal.model_dump(mode="json") for proposal in proposals])

    def _candidate(self, present: Candidate, label: str, written: Written) -> Candidate:
        return candidate_create(
            effect=self.item.effect,
            label=label,
            present=present,
            values=written.values,
            told=self.told,
            optimizer_state=written.optimizer_state,
        )
