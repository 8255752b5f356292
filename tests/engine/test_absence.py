"""What is away is left alone: for a second where it refused at once, for longer where it let one wait."""

from __future__ import annotations

from contextlib import suppress

import pytest

from optimization.runs.absence import Absence


@pytest.mark.parametrize(("waited", "left_alone"), [(0.0, 1.0), (0.5, 2.5), (9.0, 10.0)])
def test_it_is_left_alone_in_proportion(
    monkeypatch: pytest.MonkeyPatch, waited: float, left_alone: float
) -> None:
    now = 100.0
    monkeypatch.setattr("optimization.runs.absence.time.monotonic", lambda: now)
    away = Absence()
    assert not away
    with suppress(ConnectionError), away.noticed():
        now += waited
        raise ConnectionError
    now += left_alone - 0.01
    assert away
    now += 0.02
    assert not away


def test_what_answers_is_not_away() -> None:
    away = Absence()
    with away.noticed():
        pass
    assert not away
