"""Value: the one container for what flows forward and for the feedback that flows back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from optimization.core.parameter import Parameter

TAPE_IDS = "_tape_ids"


class ValueKind(StrEnum):
    """What a payload is."""

    TEXT = "text"
    FSTRING = "fstring"  # a text with {name} slots
    RESPONSE = "response"  # a model's reply; its model and usage are in meta
    STRUCTURED = "structured"
    INT = "int"
    FLOAT = "float"
    ERROR = "error"
    TOOL_RESULT = "tool_result"
    BINARY = "binary"
    OTHER = "other"


@dataclass(slots=True, eq=False)
class Value:
    """A payload with its kind, the graph node it came from, and what is known about it.

    Feedback is a Value of kind STRUCTURED whose payload is `list[list[str]]`, with a score in `meta["score"]`
    where there is one. The tapes that recorded a Value are in `meta["_tape_ids"]`.
    """

    kind: ValueKind
    payload: Any
    ref: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    async def backward(self: Any, grad: Any = None, retain_graph: bool = False) -> None:
        """Carry feedback back through the tapes of this Value to the parameters that were read.

        Without `grad` a loss is its own feedback. Called on the class, `Value.backward(outputs, grad=...)`, it
        takes a container of Values: `grad` is then one feedback for all, a list as long as the tape ids, or a
        dict keyed by every tape id. Raises RuntimeError without a tape, for a tape already consumed, or without
        a loss or a grad; KeyError for an unknown tape; ValueError for a grad that does not fit.
        """
        from optimization.core.backward import backward  # backward works on Values: it imports this file

        await backward(self, grad=grad, retain_graph=retain_graph)

    @property
    def score(self) -> float | None:
        """`meta["score"]`, 0..1, of feedback that has one."""
        return self.meta.get("score")

    # A composite's forward is given its inputs as Values: they read like their payloads.

    def __str__(self) -> str:
        return as_text(self.payload)

    def __bool__(self) -> bool:
        return bool(self.payload)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Value):
            mine, theirs = (
                (self.kind, self.payload, self.ref, self.meta),
                (other.kind, other.payload, other.ref, other.meta),
            )
            return mine == theirs
        return bool(self.payload == other)

    def __getitem__(self, key: Any) -> Any:
        return valueify(self.payload[key])

    def __iter__(self) -> Iterator[Any]:
        return (valueify(item) for item in self.payload)

    def __contains__(self, item: Any) -> bool:
        return unwrap(item) in self.payload


def valueify(x: Any, *, kind: ValueKind | None = None) -> Any:
    """Wrap in Values: containers stay containers, of Values; `kind` overrides the kind that would be inferred."""
    if isinstance(x, Value):
        return x if kind in (None, x.kind) else Value(kind or x.kind, x.payload, x.ref, dict(x.meta))
    if isinstance(x, Parameter):
        meta = {"parameter": x.name, "version": x.version, "requires_grad": x.requires_grad}
        return Value(kind or ValueKind.TEXT, x.value, f"param:{x.name}", meta)
    if kind is not None:
        return Value(kind, x)
    if isinstance(x, dict):
        return {key: valueify(item) for key, item in x.items()}
    if isinstance(x, list):
        return [valueify(item) for item in x]
    if isinstance(x, tuple):
        return tuple(valueify(item) for item in x)
    return Value(infer_kind(x), x)


def infer_kind(x: Any) -> ValueKind:
    """The kind of a raw payload; a bool is OTHER, an exception ERROR."""
    if isinstance(x, bool):
        return ValueKind.OTHER
    for types, kind in _KINDS:
        if isinstance(x, types):
            return kind
    return ValueKind.OTHER


_KINDS: tuple[tuple[type | tuple[type, ...], ValueKind], ...] = (
    (str, ValueKind.TEXT),
    (int, ValueKind.INT),
    (float, ValueKind.FLOAT),
    ((dict, list, tuple), ValueKind.STRUCTURED),
    ((bytes, bytearray, memoryview), ValueKind.BINARY),
    (BaseException, ValueKind.ERROR),
)


def unwrap(x: Any) -> Any:
    """The raw payload, with every Value and Parameter inside containers unwrapped too."""
    if isinstance(x, Value):
        return unwrap(x.payload)
    if isinstance(x, str):
        return x
    if isinstance(x, dict):
        return {key: unwrap(item) for key, item in x.items()}
    if isinstance(x, list):
        return [unwrap(item) for item in x]
    if type(x) is tuple:
        return tuple(unwrap(item) for item in x)
    if isinstance(x, Parameter):
        return x.value
    return x


def as_text(x: Any) -> str:
    """How a payload reads in a prompt: text as it is, structures as JSON, anything else as `str` gives it."""
    raw = unwrap(x)
    if isinstance(raw, str):
        return raw
    if isinstance(raw, dict | list | tuple):
        try:
            return json.dumps(raw, ensure_ascii=False, indent=2, default=str)
        except TypeError:  # a key that JSON has not
            return str(raw)
    return "" if raw is None else str(raw)


def iter_values(x: Any) -> Iterator[Value]:
    """Every Value in nested containers and payloads, outermost first."""
    if isinstance(x, Value):
        yield x
        yield from iter_values(x.payload)
    elif isinstance(x, dict):
        for item in x.values():
            yield from iter_values(item)
    elif isinstance(x, list | tuple):
        for item in x:
            yield from iter_values(item)


def collect_tape_ids(x: Any) -> list[str]:
    """The tape ids of every nested Value, each once, in order."""
    return list(dict.fromkeys(tape for value in iter_values(x) for tape in value.meta.get(TAPE_IDS, ())))
