"""What changed between two texts, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

Kind = Literal["same", "added", "removed"]
_WORDS = re.compile(r"\s+|\w+(?:['\u2019-]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class Piece:
    """A stretch of text that stayed, came or went."""

    kind: Kind
    text: str

    @property
    def lead(self) -> str:
        """The white space that it begins with: not a change to show."""
        return self.text[: len(self.text) - len(self.text.lstrip())]

    @property
    def words(self) -> str:
        return self.text.strip()

    @property
    def tail(self) -> str:
        """The white space that it ends with, if it has words."""
        return self.text[len(self.text.rstrip()) :] if self.words else ""


def word_diff(before: str, after: str) -> list[Piece]:
    """The pieces in reading order: what went stands before what came in its place.

    A lone space or comma that both texts share between two changes is taken into them, so that a phrase reads as
    one change.
    """
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    blocks = [
        (
            tag == "equal" and not _slight(old[i1:i2], i1, i2, len(old)),
            "".join(old[i1:i2]),
            "".join(new[j1:j2]),
        )
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
    ]
    return list(_pieces(blocks))


def _slight(words: list[str], start: int, end: int, length: int) -> bool:
    """Too little to keep two changes apart, and neither a new line nor an end of the text."""
    inside = start > 0 and end < length
    return inside and len(words) <= 2 and not any(word[0].isalnum() or "\n" in word for word in words)


def _pieces(blocks: list[tuple[bool, str, str]]) -> Iterator[Piece]:
    for same, group in groupby(blocks, key=lambda block: block[0]):
        run = list(group)
        removed, added = "".join(old for _, old, _ in run), "".join(new for _, _, new in run)
        if same:
            yield Piece("same", removed)
            continue
        if removed:
            yield Piece("removed", removed)
        if added:
            yield Piece("added", added)
