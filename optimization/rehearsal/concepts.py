"""A concept: one thing that a good text has, known to the writer, the judge and the updater alike."""

from __future__ import annotations

import re
from dataclasses import dataclass

from optimization.rehearsal.brief import Brief
from optimization.rehearsal.showings import Showing

# An imperative; "it does not name" and "she never learns" are complaints that ask for the thing.
_REFUSED = re.compile(
    r"((^|[,;:.]\s*|\b(please|and|but)\s+)(do not|don't|never|avoid|no need to)\s+(\w+\s+){0,3}"
    r"|\bwithout \w+ing\s+(\w+\s+){0,2})$",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Concept:
    """`label` names it within a sentence.

    `asks` matches people's wordings, and ours: `instruction`, which the updater writes, and `remarks`, which the
    judge makes. `basic` concepts are expected of every text that they fit, the others where a criterion or a target
    names them. The most `important` are remarked on first and kept longest when a text must be short. A `refusable`
    one is asked not to be there by a negation ("do not give the order number").
    """

    name: str
    label: str
    asks: re.Pattern[str]
    instruction: str
    remarks: tuple[str, ...]
    showing: Showing
    importance: int
    basic: bool = True
    refusable: bool = True

    def fits(self, brief: Brief) -> bool:
        return self.showing.fits(brief)

    def shown(self, text: str, brief: Brief) -> bool:
        return self.showing.shown(text, brief)

    def asked_in(self, sentence: str) -> bool:
        return self.asks.search(sentence) is not None

    def refused_in(self, sentence: str) -> bool:
        found = self.asks.search(sentence)
        return self.refusable and found is not None and _REFUSED.search(sentence[: found.start()]) is not None


def wording(*alternatives: str) -> re.Pattern[str]:
    """Any of the alternatives, at a word's start, in any case."""
    return re.compile("|".join(rf"(?<!\w)(?:{alternative})" for alternative in alternatives), re.IGNORECASE)
