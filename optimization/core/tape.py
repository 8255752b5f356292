"""Where forward records are kept until backward asks for them, and what ties a Value to its record.

A record's id is a tape id. Values that came out of a recorded run carry it in `meta["_tape_ids"]`. The registry
is a protocol: in memory by default, in the database when a record has to outlive its process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from optimization.core.errors import ReleasedTapeError, UnknownTapeError
from optimization.core.values import TAPE_IDS, Value, iter_values

if TYPE_CHECKING:
    from optimization.core.record import ForwardRecord


class TapeRegistry(Protocol):
    """Keeps forward records by their id."""

    def save(self, record: ForwardRecord) -> None:
        """Keep a pass that was just recorded."""
        ...

    def load(self, tape_id: str) -> ForwardRecord:
        """UnknownTapeError, a KeyError, for a tape that is not known; ReleasedTapeError for one that was consumed."""
        ...

    def release(self, tape_id: str) -> None:
        """Let go of a consumed tape; an unknown one is no error."""
        ...


class MemoryRegistry:
    """Records in memory, at most `capacity`: the oldest go first. Consumed ids are remembered, as bounded."""

    def __init__(self, capacity: int = 16_384) -> None:
        if capacity < 1:
            raise ValueError(f"The capacity of a MemoryRegistry is 1 record or more, not {capacity}.")
        self.capacity = capacity
        self._records: OrderedDict[str, ForwardRecord] = OrderedDict()
        self._released: OrderedDict[str, None] = OrderedDict()

    def save(self, record: ForwardRecord) -> None:
        self._records[record.id] = record
        if len(self._records) > self.capacity:
            self._records.popitem(last=False)

    def load(self, tape_id: str) -> ForwardRecord:
        if tape_id in self._records:
            return self._records[tape_id]
        if tape_id in self._released:
            raise ReleasedTapeError(tape_id)
        raise UnknownTapeError(
            tape_id,
            f"it was never recorded here, or it was dropped because more than {self.capacity} records were waiting. "
            "Run backward sooner, or use_registry(MemoryRegistry(more)).",
        )

    def release(self, tape_id: str) -> None:
        if self._records.pop(tape_id, None) is not None:
            self._released[tape_id] = None
            if len(self._released) > self.capacity:
                self._released.popitem(last=False)

    def __len__(self) -> int:
        return len(self._records)


_default = MemoryRegistry()
_registry: ContextVar[TapeRegistry] = ContextVar("handgrad_registry", default=_default)
_recording: ContextVar[bool] = ContextVar("handgrad_recording", default=True)


def current_registry() -> TapeRegistry:
    """Where passes are recorded here: the registry in use, else one in memory that the process shares."""
    return _registry.get()


@contextmanager
def use_registry(registry: TapeRegistry) -> Iterator[TapeRegistry]:
    """Keep and find records in `registry` in the code inside."""
    token = _registry.set(registry)
    try:
        yield registry
    finally:
        _registry.reset(token)


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing in the code inside, in training mode neither."""
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


def recording_allowed() -> bool:
    return _recording.get()


def with_tapes(x: Any, tape_ids: Iterable[str]) -> Any:
    """`x`, already in Values, with exactly these tapes on every nested Value; the Values given are not changed."""
    ids = list(tape_ids)
    if isinstance(x, Value):
        meta = {key: item for key, item in x.meta.items() if key != TAPE_IDS}
        if ids:
            meta[TAPE_IDS] = ids
        payload = x.payload
        if isinstance(payload, Value | dict | list | tuple) and next(iter_values(payload), None) is not None:
            payload = with_tapes(payload, ids)
        return replace(x, payload=payload, meta=meta)
    if isinstance(x, dict):
        return {key: with_tapes(item, ids) for key, item in x.items()}
    if isinstance(x, list):
        return [with_tapes(item, ids) for item in x]
    if isinstance(x, tuple):
        return tuple(with_tapes(item, ids) for item in x)
    return x


def detach_tapes(x: Any, tape_ids: Iterable[str]) -> None:
    """Take these tapes off every nested Value, in place."""
    gone = set(tape_ids)
    for value in iter_values(x):
        kept = [tape for tape in value.meta.get(TAPE_IDS, ()) if tape not in gone]
        if kept:
            value.meta[TAPE_IDS] = kept
        else:
            value.meta.pop(TAPE_IDS, None)
