"""Python's regular expressions with a limit on their time: on some texts some patterns would go on for years.

The `regex` package does the matching, as it can give up. Where it reads more into a pattern than Python does, it is kept
from that: braces that are no repetition are its fuzzy matching, and a text's own in Python.
"""

from __future__ import annotations

import re
from contextlib import suppress

import regex

LIMIT = 1.0  # seconds; what waits for other models and people waits with it
# Almost every match is over by then. To let other threads run beside it costs more than the match: it waits for them.
ALONE = 0.002
_BRACE = re.compile(r"(\\N\{[^}]*\}|\\.)|\{(?!\d*,?\d*\})", re.DOTALL)


class Pattern:
    """A compiled pattern of Python's; raises re.error for what is none."""

    def __init__(self, pattern: str) -> None:
        re.compile(pattern)
        self.pattern = pattern
        self._compiled = regex.compile(_BRACE.sub(lambda found: found[1] or r"\{", pattern))

    def matches(self, text: str, *, full: bool = False) -> bool:
        """Whether it is found in the text, or with `full` matches all of it. ValueError where that takes too long."""
        match = self._compiled.fullmatch if full else self._compiled.search
        try:
            with suppress(TimeoutError):
                return match(text, timeout=ALONE, concurrent=False) is not None
            return match(text, timeout=LIMIT, concurrent=True) is not None
        except TimeoutError:
            raise ValueError(
                f"The pattern {self.pattern!r} found no end within {LIMIT:g} s on an output of {len(text):,} characters. "
                "Write it so that no two of its repetitions can match the same text."
            ) from None
