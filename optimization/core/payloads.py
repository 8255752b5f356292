"""The shape of feedback: `list[list[str]]`, one inner list per source, one string per remark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from optimization.core.values import TAPE_IDS, Value, ValueKind


def normalize_feedback_payload(payload: Any) -> list[list[str]]:
    """Any feedback in its one shape.

    None, "" and [] give []; a string or a number one item; a flat list one inner list; blanks are dropped,
    numbers become strings. A Value gives its payload.
    """
    if isinstance(payload, Value):
        return normalize_feedback_payload(payload.payload)
    if not isinstance(payload, list | tuple):
        remarks = list(_remarks(payload))
        return [remarks] if remarks else []
    if not any(isinstance(item, list | tuple) for item in payload):
        payload = [payload]
    groups = (list(_remarks(group)) for group in payload)
    return [group for group in groups if group]


def _remarks(x: Any) -> Iterator[str]:
    if isinstance(x, Value):
        yield from _remarks(x.payload)
    elif isinstance(x, list | tuple):
        for item in x:
            yield from _remarks(item)
    elif x is not None:
        text = str(x)
        if text.strip():
            yield text


def as_feedback(x: Any) -> Value:
    """`x` as feedback: its payload in the one shape, its meta without the tapes."""
    meta = {key: item for key, item in x.meta.items() if key != TAPE_IDS} if isinstance(x, Value) else {}
    return Value(ValueKind.STRUCTURED, normalize_feedback_payload(x), meta=meta)


def combine_feedback(feedback: Iterable[Any]) -> Value:
    """One feedback of several: payloads concatenated, scores collected in `meta["scores"]`."""
    parts = [as_feedback(item) for item in feedback]
    if len(parts) == 1:
        return parts[0]
    return concatenate(parts)


def concatenate(parts: list[Value]) -> Value:
    """`combine_feedback` of several that have their shape already."""
    payload = [group for part in parts for group in part.payload]
    scores = [score for part in parts for score in _scores(part)]
    return Value(ValueKind.STRUCTURED, payload, meta={"scores": scores} if scores else {})


def _scores(part: Value) -> list[float]:
    if "scores" in part.meta:
        return list(part.meta["scores"])
    return [part.meta["score"]] if part.meta.get("score") is not None else []


def remarks(feedback: Value) -> list[str]:
    """Every remark of a feedback, each once, in order."""
    return list(dict.fromkeys(text for group in feedback.payload for text in group))


def is_feedback(x: Any) -> bool:
    """Is `x` a loss: a STRUCTURED Value of shape `list[list[str]]`?"""
    return (
        isinstance(x, Value)
        and x.kind is ValueKind.STRUCTURED
        and isinstance(x.payload, list)
        and all(isinstance(group, list) and all(isinstance(r, str) for r in group) for group in x.payload)
    )
