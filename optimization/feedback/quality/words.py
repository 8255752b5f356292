"""Questions and answers in a line, for lists that operators read."""

from __future__ import annotations

from typing import Any

from optimization.core.values import as_text
from optimization.losses.questions import (
    ANSWER,
    QUESTION,
    PreferenceAnswer,
    RankingAnswer,
    RubricAnswer,
    RubricQuestion,
)

LONGEST = 160
CHOICES = {
    "A": "The first is better",
    "B": "The second is better",
    "tie": "As good as each other",
    "both_bad": "Both are bad",
    "abstain": "Cannot judge",
}


def question_in_words(question: dict[str, Any]) -> str:
    """The beginning of what is judged."""
    outputs = question.get("outputs") or [question.get("output")]
    return shortened(str(outputs[0]))


def subject_of(question: dict[str, Any]) -> str:
    """By what people know the question again: the first thing that is told of it, else what is judged."""
    first = next(iter((question.get("context") or {}).values()), None)
    return shortened(as_text(first)) if first else question_in_words(question)


def shortened(text: str) -> str:
    """The beginning of a text, in one line."""
    line = " ".join(text[: 4 * LONGEST].split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST].rstrip()}…"


def answer_in_words(question: dict[str, Any], body: dict[str, Any]) -> str:
    """The verdict: a level's label, a choice, an order."""
    asked, answer = QUESTION.validate_python(question), ANSWER.validate_python(body)
    match asked, answer:
        case RubricQuestion(), RubricAnswer(score=score):
            level = asked.level(score)
            return f"{score:g} {level.label}" if level else f"{score:g}"
        case _, PreferenceAnswer(choice=choice):
            return CHOICES[choice]
        case _, RankingAnswer(ranks=ranks):
            return "Ranks " + ", ".join(map(str, ranks))
    improvements = body.get("improvements", [])
    return f"{len(improvements)} to improve" if improvements else "Nothing to improve"
