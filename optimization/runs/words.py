"""Amounts of time and things as people say them."""

from __future__ import annotations


def duration_in_words(seconds: float) -> str:
    """A measured time: "0.4 s", "3.1 s", "48 s", "7 min", "2 h 5 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def span_in_words(minutes: int | None) -> str:
    """A time that was chosen: "30 minutes", "1 hour", "2 days", "90 minutes"."""
    for size, noun in ((24 * 60, "day"), (60, "hour")):
        if minutes and minutes % size == 0:
            return counted(minutes // size, noun)
    return counted(minutes or 0, "minute")


def estimate_in_words(seconds: float) -> str:
    """A guessed time, no finer than it is known: "under a minute", "about 6 min", "about 2 h"."""
    if seconds < 60:
        return "under a minute"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {round(minutes / 60)} h"


def counted(number: int, noun: str) -> str:
    """ "1 remark", "11 remarks", "1,204 runs"."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"
