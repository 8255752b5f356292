"""An answer in words, as its giver saw the question: the verdict, and what they said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optimization.losses.questions import (
    ANSWER,
    FeedbackAnswer,
    PreferenceAnswer,
    RankingAnswer,
    RubricAnswer,
)
from optimization.losses.sides import answer_as_shown
from optimization.runs.said import rubric_label

CHOICES = {
    "A": "The first is better",
    "B": "The second is better",
    "tie": "Tie",
    "both_bad": "Both bad",
    "abstain": "Cannot judge",
}


@dataclass(frozen=True)
class Verdict:
    words: str
    remarks: list[str]


def verdict_of(question: Mapping[str, Any], body: Mapping[str, Any], order: list[int]) -> Verdict:
    """What the stored `body` says; `order` is that of the outputs as they were shown, if they were arranged."""
    stored = ANSWER.validate_python(body)
    answer = answer_as_shown(stored, order) if order else stored
    marks = [str(mark) for mark in answer.marks]
    match answer:
        case RubricAnswer() as given:
            return Verdict(rubric_label(question, given), given.improvements + marks)
        case FeedbackAnswer(improvements=improvements):
            said = improvements + marks
            return Verdict("Feedback" if said else "Nothing to improve", said)
        case PreferenceAnswer() as given:
            said = [given.reason, given.strengths, given.weaknesses]
            return Verdict(CHOICES[given.choice], [text for text in said if text] + marks)
        case RankingAnswer(ranks=ranks, notes=notes):
            noted = [f"Text {number}: {note}" for number, note in enumerate(notes, 1) if note]
            return Verdict(_places(ranks), noted + marks)


def _places(ranks: list[int]) -> str:
    """ "Text 3, then 1 and 4, then 2" """
    shared = [
        " and ".join(str(number) for number, own in enumerate(ranks, 1) if own == rank)
        for rank in sorted(set(ranks))
    ]
    return f"Text {', then '.join(shared)}"
