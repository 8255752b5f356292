"""What the catalog refuses, in words, each refusal with its place in what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What is wrong at `pointer` (a JSON pointer into what was sent) and how to mend it."""

    pointer: str
    message: str


@dataclass(frozen=True)
class RowFault:
    """What is wrong with a line (counted from 1) of an imported file, and how to mend it."""

    line: int
    message: str
    field: str = ""

    def __str__(self) -> str:
        return f"Line {self.line}: {self.message}"


class CatalogError(ValueError):
    """Something that cannot be stored as it stands."""

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class ProgramRefused(CatalogError):
    """A program that would not run."""


class DatasetRefused(CatalogError):
    """A file with bad rows: `rows` names the first of them, `bad` counts them all. Nothing was imported."""

    def __init__(
        self, message: str, *, rows: Sequence[RowFault] = (), bad: int = 0, faults: Sequence[Fault] = ()
    ) -> None:
        super().__init__(message, faults)
        self.rows = tuple(rows)
        self.bad = bad or len(self.rows)


class EndpointRefused(CatalogError):
    """An endpoint whose name, address or key cannot be used."""


class EndpointChanged(CatalogError):
    """Somebody else saved the endpoint first."""
