"""The registry of tapes in the database, as one work item uses it: a record outlives its process here.

What an item saves and releases is written with its result, under its fence, or not at all. What it loads was recorded at
any time by any process, and is built again on the item's own modules. A tape that another item has consumed is gone; an
item that is carried out once more, as a replay does, finds its own again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from optimization.core import ForwardRecord, ReleasedTapeError, TrainingStep, UnknownTapeError
from optimization.models import Tape, WorkItem
from optimization.runs.work.bench import Bench
from optimization.runs.work.sheet import Sheet


class DatabaseRegistry:
    """A TapeRegistry (`core.use_registry`) over the rows in `stored`; `saved` and `released` wait to be written.

    Modules are those of `step`; `item` is the primary key of the work item that reads.
    """

    def __init__(
        self, step: TrainingStep, stored: Mapping[str, Tape] | None = None, item: int | None = None
    ) -> None:
        self.step = step
        self.item = item
        self.stored = stored or {}
        self.saved: dict[str, ForwardRecord] = {}
        self.released: list[str] = []

    @classmethod
    async def read(cls, bench: Bench, item: WorkItem, tape_ids: Iterable[str]) -> Self:
        """The registry with these tapes for an item, on modules of the candidate that made them."""
        wanted = list(tape_ids)
        stored = await bench.read(lambda: Tape.objects.in_bulk(wanted))
        made_by = next(iter(stored.values())).candidate if stored else bench.current_candidate
        return cls(await bench.own_step(made_by, item), stored, item.pk)

    def save(self, record: ForwardRecord) -> None:
        self.saved[record.id] = record

    def load(self, tape_id: str) -> ForwardRecord:
        if tape_id in self.saved:
            return self.saved[tape_id]
        tape = self.stored.get(tape_id)
        if tape is None:
            raise UnknownTapeError(tape_id, "no pass was stored under this id. Run the forward pass again.")
        if tape.released_by_id not in (None, self.item) or tape_id in self.released:
            raise ReleasedTapeError(tape_id)
        return record_read(tape.record, self.step)

    def release(self, tape_id: str) -> None:
        self.saved.pop(tape_id, None)
        if tape_id in self.stored:
            self.released.append(tape_id)


def record_read(data: dict[str, Any], step: TrainingStep) -> ForwardRecord:
    """A stored record again: of the training step, or of the program alone where its judge came afterwards."""
    root = step if data["root"] == type(step).__name__ else step.module
    return ForwardRecord.from_json(data, root)


def rows_of(registry: DatabaseRegistry, sheet: Sheet, bench: Bench) -> list[Tape]:
    """The rows to write for what the item has recorded."""
    payload = sheet.item.payload
    return [
        Tape(
            id=record.id,
            run=bench.run,
            iteration=sheet.item.effect.iteration,
            candidate=payload["candidate"],
            split=payload["split"],
            example=payload["example"],
            record=record.to_json(),
        )
        for record in registry.saved.values()
    ]
