"""What the tests of backward share."""

from __future__ import annotations

from typing import Any

from optimization.core import ForwardRecord, Parameter, Value, ValueKind
from optimization.core.remarks import remarks_in


class Collector:
    """What backward needs of an optimizer."""

    def __init__(self, reasoning_model: Any = None) -> None:
        self.records: list[ForwardRecord] = []
        self.reasoning_model = reasoning_model

    def capture_record(self, record: ForwardRecord) -> None:
        self.records.append(record)


def loss_of(*texts: str, score: float | None = None, tape: Value | None = None) -> Value:
    meta: dict[str, Any] = {} if score is None else {"score": score}
    if tape is not None:
        meta["_tape_ids"] = list(tape.meta["_tape_ids"])
    return Value(ValueKind.STRUCTURED, [[text] for text in texts], meta=meta)


def remarks(parameter: Parameter) -> list[list[str]]:
    return [remarks_in(text) for text in parameter.feedback]
