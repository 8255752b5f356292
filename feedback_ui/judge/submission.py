"""What the form on the page sends, read back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.http import QueryDict

from optimization.feedback.errors import InvalidAnswer
from optimization.feedback.texts import lines
from optimization.losses.questions import (
    FeedbackQuestion,
    PreferenceQuestion,
    Question,
    RankingQuestion,
    RubricQuestion,
)

FIELD = re.compile(r"score|improvements|nothing|choice|reason|strengths|weaknesses|(rank|note)_\d{1,2}")


@dataclass(frozen=True)
class Submission:
    """`values` are the fields as they were typed; `client_key` tells one sending from another."""

    values: dict[str, str]
    fence: int
    client_key: str
    seconds: float

    @classmethod
    def read(cls, posted: QueryDict) -> Submission:
        return cls(
            values={name: posted.get(name, "") for name in posted if FIELD.fullmatch(name)},
            fence=int(_number(posted.get("fence", ""))),
            client_key=posted.get("client_key", "")[:64] or uuid4().hex,
            seconds=_number(posted.get("seconds", "")),
        )

    def body(self, question: Question) -> dict[str, Any]:
        """The body of an answer to the question as it was shown; raises InvalidAnswer where the form says too little."""
        return body_of(self.values, question)


def body_of(values: Mapping[str, str], question: Question) -> dict[str, Any]:
    match question:
        case RubricQuestion():
            return {
                "score": values.get("score", ""),
                "improvements": lines(values.get("improvements", "")),
            }
        case FeedbackQuestion():
            return _feedback(values)
        case PreferenceQuestion():
            said = {name: values.get(name, "") for name in ("reason", "strengths", "weaknesses")}
            return {"choice": values.get("choice", ""), **said}
        case RankingQuestion():
            return _ranking(values, len(question.outputs))


def _feedback(values: Mapping[str, str]) -> dict[str, Any]:
    """Says on purpose that there is nothing to improve, or raises InvalidAnswer."""
    improvements = lines(values.get("improvements", ""))
    if not improvements and "nothing" not in values:
        raise InvalidAnswer(
            {"improvements": "Write what would make it better, or choose “Nothing to improve”."}
        )
    return {"improvements": improvements}


def _ranking(values: Mapping[str, str], total: int) -> dict[str, Any]:
    numbers = range(1, total + 1)
    ranks = [values.get(f"rank_{number}", "") for number in numbers]
    missing = [str(number) for number, rank in zip(numbers, ranks, strict=True) if not rank]
    if missing:
        which = f"{', '.join(missing[:-1])} and {missing[-1]} have" if missing[1:] else f"{missing[0]} has"
        raise InvalidAnswer({"ranks": f"Give each text a place: {which} none."})
    notes = [values.get(f"note_{number}", "").strip() for number in numbers]
    return {
        "ranks": [int(_number(rank)) for rank in ranks],
        "notes": notes if any(notes) else [],
    }


def _number(text: str) -> float:
    """0 where the text is not a plain number."""
    try:
        return float(text) if len(text) < 20 else 0.0
    except ValueError:
        return 0.0
