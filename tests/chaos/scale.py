"""How much chaos: the short form in every test run, the long one by hand (`make chaos`).

HANDGRAD_CHAOS_KILLS=10 makes the longest part of the long form, 50 deaths at each of 13 points, shorter.
"""

from __future__ import annotations

import os

LONG = os.environ.get("HANDGRAD_CHAOS") == "long"


def times(short: int, long: int) -> int:
    """How often, in this form."""
    return long if LONG else short


# What the present test has counted, for the table at the end (tests/chaos/counts.py).
tallies: list[tuple[str, dict[str, object]]] = []


def tally(what: str, **counts: object) -> None:
    tallies.append((what, counts))
