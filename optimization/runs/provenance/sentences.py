"""Which version brought which sentence: a text's sentences followed through its successive versions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_END = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
_WORD = re.compile(r"\w+")
RELATED = 0.4
"""So much alike, a new sentence is an old one reworded."""


@dataclass(frozen=True)
class Traced:
    """A sentence, the place of the version that brought it in this wording, and the sentence that it reworded."""

    text: str
    place: int
    was: str = ""


def sentences_of(text: str) -> list[str]:
    """The sentences of a prompt; a line break ends one, too."""
    return [part for part in (found.strip() for found in _END.split(text)) if part]


def traced(values: Sequence[str]) -> list[Traced]:
    """The sentences of the last value, each with the place of the value that brought it. `values` run oldest first."""
    lines: list[Traced] = []
    for place, value in enumerate(values):
        lines = _followed(lines, sentences_of(value), place)
    return lines


def closeness(sentence: str, remark: str) -> int:
    """How many longer words a sentence and a remark share, by their stems."""
    return len(_stems(sentence) & _stems(remark))


def _followed(old: Sequence[Traced], new: Sequence[str], place: int) -> list[Traced]:
    """What stayed, or only moved, keeps its origin."""
    gone = [line for line in old if line.text not in new]
    known = {line.text: line for line in reversed(old)}
    return [known.get(text) or Traced(text, place, _reworded(text, gone)) for text in new]


def _reworded(text: str, gone: Sequence[Traced]) -> str:
    alike = [(SequenceMatcher(None, line.text, text, autojunk=False).ratio(), line.text) for line in gone]
    ratio, closest = max(alike, default=(0.0, ""))
    return closest if ratio >= RELATED else ""


def _stems(text: str) -> set[str]:
    return {word.casefold()[:5] for word in _WORD.findall(text) if len(word) > 3}
