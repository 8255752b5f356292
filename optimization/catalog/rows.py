"""Reads JSONL rows: what a row must look like, and for each bad one its line, what is wrong and how to mend it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from optimization.catalog.errors import RowFault
from optimization.models import ExampleSplit

FAULTS_SHOWN = 100
ROW_CHARACTERS = 200_000


@dataclass(frozen=True)
class Row:
    line: int
    inputs: dict[str, Any]
    target: Any = None
    split: str | None = None


@dataclass
class Reading:
    """Rows that are good, and the faults of those that are not (the first FAULTS_SHOWN; `bad` counts lines)."""

    rows: list[Row] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    bad: int = 0


class _BadRow(Exception):
    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


def rows_read(
    lines: Iterable[str | bytes],
    *,
    target_field: str = "target",
    split_field: str = "split",
    inputs: Sequence[str] = (),
    most: int,
) -> Reading:
    """Reads every row. A row is {"inputs": {...}, "target": ..., "split": ...}, or flat: then every field but
    target and split is an input. `inputs` names what each row must have; else the first good row says so.
    """
    reading = Reading()
    expected = list(inputs)
    for line, text in _numbered(lines):
        if len(reading.rows) >= most:
            _note(
                reading,
                line,
                _BadRow(f"a dataset holds at most {most:,} rows: split the file and import two"),
            )
            break
        try:
            row = _row(line, text, target_field, split_field)
            _same_inputs(row, expected, named=bool(inputs))
        except _BadRow as fault:
            _note(reading, line, fault)
            continue
        expected = expected or list(row.inputs)
        reading.rows.append(row)
    _all_or_none_split(reading, split_field)
    return reading


def _numbered(lines: Iterable[str | bytes]) -> Iterator[tuple[int, str | bytes]]:
    for number, text in enumerate(lines, start=1):
        if text.strip():
            yield number, text


def _note(reading: Reading, line: int, fault: _BadRow) -> None:
    reading.bad += 1
    if len(reading.faults) < FAULTS_SHOWN:
        reading.faults.append(RowFault(line, str(fault), fault.name))


def _row(line: int, text: str | bytes, target_field: str, split_field: str) -> Row:
    data = _object(text)
    split = data.pop(split_field, None)
    target = data.pop(target_field, None)
    nested = isinstance(data.get("inputs"), dict)
    inputs = data.pop("inputs") if nested else data
    if nested and data:
        raise _BadRow(
            f'beside "inputs" stands {_names(data)}: move it into "inputs", or leave it out', next(iter(data))
        )
    if not inputs:
        raise _BadRow('the row has no inputs: give at least one field, such as {"ticket": "..."}')
    if split is not None and split not in ExampleSplit.values:
        raise _BadRow(
            f'"{split_field}" is {json.dumps(split)[:40]}: use "train", "validate" or "test"', split_field
        )
    return Row(line=line, inputs=inputs, target=target, split=split)


def _object(text: str | bytes) -> dict[str, Any]:
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _BadRow(f"byte {error.start + 1} is not UTF-8: save the file as UTF-8") from error
    text = text.strip().lstrip("\ufeff")
    if len(text) > ROW_CHARACTERS:
        raise _BadRow(f"the row has {len(text):,} characters; the most is {ROW_CHARACTERS:,}: shorten it")
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _BadRow(
            f"not valid JSON at column {error.colno} ({error.msg}): write one JSON object a line"
        ) from error
    except RecursionError as error:
        raise _BadRow("the row is nested too deeply: flatten it") from error
    except ValueError as error:
        raise _BadRow(f"not valid JSON ({error}): write one JSON object a line") from error
    if not isinstance(data, dict):
        raise _BadRow(
            f'a row must be an object, this is {_kind(data)}: write it as {{"ticket": ...}} or the like'
        )
    if "\x00" in text or "\\u0000" in text:
        raise _BadRow("the row has a NUL character, which the database cannot keep: take it out")
    return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _same_inputs(row: Row, expected: list[str], *, named: bool) -> None:
    """`named`: the program names its inputs, and a row may carry more; else all rows have the same."""
    source = "the program" if named else "the first row"
    if missing := [name for name in expected if name not in row.inputs]:
        raise _BadRow(f"{_names(missing)} is missing, which {source} has: add it", missing[0])
    if expected and not named and (extra := [name for name in row.inputs if name not in expected]):
        raise _BadRow(f"{_names(extra)} is not in {source}: take it out, or add it to all rows", extra[0])


def _all_or_none_split(reading: Reading, split_field: str) -> None:
    if not any(row.split for row in reading.rows):
        return
    without = [row for row in reading.rows if row.split is None]
    for row in without:
        _note(
            reading,
            row.line,
            _BadRow(f'"{split_field}" is missing, which other rows have: add it, or leave it out everywhere'),
        )
    reading.faults.sort(key=lambda fault: fault.line)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _kind(data: object) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(data), "a number")
