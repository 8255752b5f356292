"""What people said of an output, whatever kind of question they answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optimization.losses.module import lines
from optimization.losses.preference import comments
from optimization.losses.questions import (
    ANSWER,
    FeedbackAnswer,
    PreferenceAnswer,
    RankingAnswer,
    RubricAnswer,
)


@dataclass(frozen=True)
class Said:
    """`score` is as the judge gave it, `label` the verdict in a word or two."""

    score: float | None = None
    label: str = ""
    improvements: tuple[str, ...] = ()
    justification: str = ""


def said_of(sample: int, question: Mapping[str, Any], body: Mapping[str, Any]) -> Said:
    """What the answer `body` says of one of the outputs that the question is about."""
    match ANSWER.validate_python(body):
        case RubricAnswer(score=score, improvements=improvements, justification=justification) as answer:
            said = (*improvements, *answer.said_of_words())
            return Said(score, rubric_label(question, answer), said, justification)
        case FeedbackAnswer(improvements=improvements) as answer:
            return Said(improvements=(*improvements, *answer.said_of_words()))
        case PreferenceAnswer() as answer:
            return Said(label=_verdict(answer, sample), improvements=tuple(comments(answer)[sample]))
        case RankingAnswer(ranks=ranks, notes=notes) as answer:
            noted = lines(*notes[sample : sample + 1]) + answer.said_of_words(sample)
            return Said(label=f"rank {ranks[sample]} of {len(ranks)}", improvements=tuple(noted))


def remarks_in(body: Mapping[str, Any]) -> list[str]:
    """Every remark of an answer, of whichever output."""
    answer = ANSWER.validate_python(body)
    marks = [str(mark) for mark in answer.marks]
    match answer:
        case RubricAnswer(improvements=improvements) | FeedbackAnswer(improvements=improvements):
            return [*improvements, *marks]
        case PreferenceAnswer(reason=reason, strengths=strengths, weaknesses=weaknesses):
            return lines(reason, strengths, weaknesses) + marks
        case RankingAnswer(notes=notes):
            return lines(*notes) + marks


def rubric_label(question: Mapping[str, Any], answer: RubricAnswer) -> str:
    """The level's label; with several aspects, each with its own."""
    levels = {level["score"]: level["label"] for level in question.get("levels", ())}
    if not answer.scores:
        return str(levels.get(answer.score, ""))
    own = {
        aspect["name"]: {level["score"]: level["label"] for level in aspect["levels"]}
        for aspect in question.get("aspects", ())
    }
    chosen = (
        (name, (own.get(name) or levels).get(score, f"{score:g}")) for name, score in answer.scores.items()
    )
    return ", ".join(f"{name}: {label}" for name, label in chosen)


def _verdict(answer: PreferenceAnswer, sample: int) -> str:
    if answer.choice in ("A", "B"):
        return "preferred" if answer.choice == "AB"[sample] else "the other is preferred"
    return {"tie": "as good as the other", "both_bad": "both are bad"}.get(answer.choice, "not judged")
