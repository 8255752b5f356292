"""What is left as word is told in time, once for all that came meanwhile, and not lost where a process ends."""

from __future__ import annotations

import threading

from optimization.teller import Teller

LONG = 3600.0


class Told:
    def __init__(self) -> None:
        self.told: list[set[int]] = []
        self.heard = threading.Event()
        self.teller: Teller[int] = Teller("told", self.tell)

    def tell(self, subjects: set[int]) -> None:
        self.told.append(subjects)
        self.heard.set()


def test_what_is_urgent_does_not_wait_for_what_is_told_later() -> None:
    one = Told()
    one.teller.leave_word(1, LONG)
    one.teller.leave_word(2, LONG)
    one.teller.leave_word(1, 0)
    one.teller.start()
    assert one.heard.wait(10)
    assert one.told == [{1}]


def test_what_is_due_together_is_told_together() -> None:
    one = Told()
    for subject in (1, 2, 1, 1):
        one.teller.leave_word(subject, 0.05)
    one.teller.start()
    assert one.heard.wait(10)
    assert one.told == [{1, 2}]


def test_a_process_that_ends_leaves_no_word_behind() -> None:
    one = Told()
    one.teller.leave_word(1, LONG)
    one.teller.start()
    one.teller.end()
    assert one.told == [{1}]
    assert not one.teller.is_alive()


def test_a_word_that_cannot_be_told_ends_no_later_one() -> None:
    heard = threading.Event()

    def tell(subjects: set[int]) -> None:
        if 1 in subjects:
            raise RuntimeError("nobody listens")
        heard.set()

    teller: Teller[int] = Teller("told", tell)
    teller.leave_word(1, 0)
    teller.leave_word(2, 0.1)
    teller.start()
    assert heard.wait(10)
