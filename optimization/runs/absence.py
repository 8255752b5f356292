"""Whoever waited in vain for something that is away leaves it alone for a moment, so that nobody waits twice."""

from __future__ import annotations

import time


class Absence:
    """Of one thing, as this process knows it; threads may share it."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._until = 0.0

    def begin(self) -> None:
        self._until = time.monotonic() + self._seconds

    def __bool__(self) -> bool:
        """Whether it is still left alone."""
        return time.monotonic() < self._until
