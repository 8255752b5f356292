"""Word that a queue has changed: new work is told at once, that there is less in good time, and never twice at once."""

from __future__ import annotations

import threading
import time

from optimization.feedback.notices import Sender

LONG = 3600.0


class Told(Sender):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[set[int]] = []
        self.heard = threading.Event()

    async def _send(self, changed: set[int]) -> None:
        self.told.append(changed)
        self.heard.set()


def test_new_work_does_not_wait_for_what_is_told_later() -> None:
    sender = Told()
    now = time.monotonic()
    sender.words.put((1, now + LONG))
    sender.words.put((2, now + LONG))
    sender.words.put((1, now))
    sender.start()
    assert sender.heard.wait(10)
    assert sender.told == [{1}]


def test_what_is_due_together_is_told_together() -> None:
    sender = Told()
    due = time.monotonic() + 0.05
    for workspace in (1, 2, 1, 1):
        sender.words.put((workspace, due))
    sender.start()
    assert sender.heard.wait(10)
    assert sender.told == [{1, 2}]


def test_a_process_that_ends_leaves_no_word_behind() -> None:
    sender = Told()
    sender.words.put((1, time.monotonic() + LONG))
    sender.start()
    sender.end()
    assert sender.told == [{1}]
    assert not sender.is_alive()
