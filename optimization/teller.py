"""What a process has to tell others, told by a thread of its own: whoever leaves word never waits for it.

One word goes out for all that was left meanwhile about the same thing, at the time at which the first of them is due.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger()
Subject = TypeVar("Subject", bound=Hashable)
TOGETHER = 0.02
"""What is due within so many seconds is told at once."""
LAST_WORDS = 2.0
"""Seconds that a process which ends gives to what has not been told yet."""


class Teller(threading.Thread, Generic[Subject]):
    """`tell` is called on the thread, with what is due together; an error of its own is logged, and the thread goes on."""

    def __init__(self, name: str, tell: Callable[[set[Subject]], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.pid = os.getpid()
        self._tell = tell
        self._words: SimpleQueue[tuple[Subject, float] | None] = SimpleQueue()
        self._ends = False

    def leave_word(self, subject: Subject, within: float) -> None:
        """To be told within so many seconds."""
        self._words.put((subject, time.monotonic() + within))

    def run(self) -> None:
        due: dict[Subject, float] = {}
        while not self._ends:
            self._listen(due)
            now = time.monotonic()
            if told := {subject for subject, at in due.items() if at <= now + TOGETHER or self._ends}:
                for subject in told:
                    del due[subject]
                self._tell_all(told)

    def _tell_all(self, told: set[Subject]) -> None:
        try:
            self._tell(told)
        except Exception:
            log.exception("not_told", by=self.name)

    def _listen(self, due: dict[Subject, float]) -> None:
        """Wait for the next word, or until it is time to tell the first of those that came before."""
        wait = max(0.0, min(due.values()) - time.monotonic()) if due else None
        with suppress(Empty):
            word = self._words.get(timeout=wait)
            if word is None:
                self._ends = True
                return
            subject, at = word
            due[subject] = min(at, due.get(subject, at))

    def end(self) -> None:
        """What has not been told yet is told now: a process that ends at once leaves no word behind."""
        self._words.put(None)
        self.join(LAST_WORDS)


class TellerOfProcess(Generic[Subject]):
    """Starts the process's teller with the first word; a forked child starts its own. `make` makes what it tells by."""

    def __init__(self, name: str, make: Callable[[], Callable[[set[Subject]], None]]) -> None:
        self._name = name
        self._make = make
        self._teller: Teller[Subject] | None = None
        self._starting = threading.Lock()

    def leave_word(self, subject: Subject, within: float) -> None:
        """To be told within so many seconds."""
        with self._starting:
            if self._teller is None or self._teller.pid != os.getpid():
                self._teller = Teller(self._name, self._make())
                self._teller.start()
                atexit.register(self._teller.end)
        self._teller.leave_word(subject, within)
