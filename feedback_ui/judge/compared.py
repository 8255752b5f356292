"""Outputs that are compared, as the page shows them: two sides and the other verdicts, or places to be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from optimization.core.values import as_text
from optimization.losses.questions import PreferenceQuestion, RankingQuestion

FIRST_WORDS = 60
LOOKED_AT = 4_000
LAST_WORDS = 6


@dataclass(frozen=True)
class Choice:
    """A verdict on two outputs. `keys` press it, the first of them is shown as `keycap`."""

    value: str
    name: str
    keys: str
    keycap: str
    chosen: bool
    output: Any = None
    stacked_name: str = ""


@dataclass(frozen=True)
class Place:
    """An output that is ranked. `rank` and `note` are as they stand in the form."""

    number: int
    output: Any
    first_words: str
    rank: str
    note: str

    @property
    def field(self) -> str:
        return f"rank_{self.number}"

    @property
    def note_field(self) -> str:
        return f"note_{self.number}"


def sides_of(question: PreferenceQuestion, values: Mapping[str, Any]) -> list[Choice]:
    left, right = question.outputs
    chosen = values.get("choice")
    return [
        Choice("A", "Left", "ArrowLeft 1", "←", chosen == "A", left, "First"),
        Choice("B", "Right", "ArrowRight 2", "→", chosen == "B", right, "Second"),
    ]


def verdicts_of(values: Mapping[str, Any]) -> list[Choice]:
    """What can be said beside preferring one of the two."""
    said = (("tie", "Tie", "T"), ("both_bad", "Both bad", "B"), ("abstain", "Cannot judge", "X"))
    return [
        Choice(value, name, keycap.lower(), keycap, values.get("choice") == value)
        for value, name, keycap in said
    ]


def places_of(question: RankingQuestion, values: Mapping[str, Any]) -> list[Place]:
    beginnings = telling_beginnings([as_text(output) for output in question.outputs])
    return [
        Place(
            number=number,
            output=output,
            first_words=beginnings[number - 1],
            rank=str(values.get(f"rank_{number}", "")),
            note=str(values.get(f"note_{number}", "")),
        )
        for number, output in enumerate(question.outputs, 1)
    ]


def telling_beginnings(texts: Sequence[str]) -> list[str]:
    """The beginning of each text, from where it differs from the one that is most like it."""
    words = [text[:LOOKED_AT].split() for text in texts]
    return [
        _told_apart(own, [other for at, other in enumerate(words) if at != place])
        for place, own in enumerate(words)
    ]


def _told_apart(own: list[str], others: list[list[str]]) -> str:
    shared = max((_shared(own, other) for other in others), default=0)
    return ("… " if shared else "") + " ".join(own[shared:] or own[-LAST_WORDS:])[:FIRST_WORDS]


def _shared(one: list[str], other: list[str]) -> int:
    """How many words both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
