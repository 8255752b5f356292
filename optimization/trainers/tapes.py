"""The tapes of one iteration in this process: what nobody carried back by its end is let go of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from optimization.core import ForwardRecord, current_registry, use_registry
from optimization.core.tape import TapeRegistry


class _Noting:
    """The registry in use, which notes what is recorded."""

    def __init__(self, registry: TapeRegistry) -> None:
        self.registry = registry
        self.recorded: list[str] = []

    def save(self, record: ForwardRecord) -> None:
        self.recorded.append(record.id)
        self.registry.save(record)

    def load(self, tape_id: str) -> ForwardRecord:
        return self.registry.load(tape_id)

    def release(self, tape_id: str) -> None:
        self.registry.release(tape_id)


@contextmanager
def releasing_tapes() -> Iterator[None]:
    """Outputs without a remark, and those whose judge raised, leave tapes that no backward consumes."""
    noting = _Noting(current_registry())
    try:
        with use_registry(noting):
            yield
    finally:
        for tape in noting.recorded:
            noting.registry.release(tape)
