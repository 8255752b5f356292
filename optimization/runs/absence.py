"""Whoever waited in vain for something that is away leaves it alone for a moment, so that nobody waits twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

LEAST_SECONDS, MOST_SECONDS = 1.0, 10.0
TIMES_WAITED = 5.0


class Absence:
    """Of one thing, as this process knows it; threads may share it. True while it is left alone.

    That is the longer, within bounds, the longer was waited for it: what hangs costs more than what refuses.
    """

    def __init__(self) -> None:
        self._until = 0.0

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Around what may fail because the thing is away; the error passes."""
        began = time.monotonic()
        try:
            yield
        except Exception:
            ended = time.monotonic()
            self._until = ended + min(max((ended - began) * TIMES_WAITED, LEAST_SECONDS), MOST_SECONDS)
            raise

    def __bool__(self) -> bool:
        return time.monotonic() < self._until
