"""What a check finds, and what a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from optimization.models import Run

Repair = Callable[[], object]


@dataclass
class Finding:
    """A breach in words. `repair` mends it, where that is safe; what it gives is falsy if there was nothing left to do."""

    words: str
    run: Run | None = None
    repair: Repair | None = None
    mended: bool = False

    @property
    def sentence(self) -> str:
        where = f"Run {self.run.pk} “{self.run.name}”: " if self.run else ""
        return f"{where}{self.words}{' Repaired.' if self.mended else ''}"


Check = Callable[["QuerySet[Run]"], Iterator[Finding]]
