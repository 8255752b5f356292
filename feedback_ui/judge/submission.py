"""What the form on the page sends, read back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.http import QueryDict

from optimization.feedback.errors import InvalidAnswer
from optimization.feedback.texts import lines
from optimization.losses.questions import (
    Answer,
    FeedbackAnswer,
    FeedbackQuestion,
    PreferenceAnswer,
    PreferenceQuestion,
    Question,
    RankingAnswer,
    RankingQuestion,
    RubricAnswer,
    RubricQuestion,
)

FIELD = re.compile(
    r"score(_\d{1,2})?|improvements|nothing|choice|reason|strengths|weaknesses|marks|(rank|note)_\d{1,2}"
)


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
    marks = marks_in(values)
    said = _said(values, question, bool(marks))
    return {**said, "marks": marks} if marks else said


def marks_in(values: Mapping[str, Any]) -> list[Any]:
    """The comments on words, which the page keeps as JSON in one field."""
    try:
        marks = json.loads(values.get("marks") or "[]")
    except ValueError:
        return []
    return marks if isinstance(marks, list) else []


def _said(values: Mapping[str, str], question: Question, has_marks: bool) -> dict[str, Any]:
    match question:
        case RubricQuestion():
            return {**_scores(values, question), "improvements": lines(values.get("improvements", ""))}
        case FeedbackQuestion():
            return _feedback(values, has_marks)
        case PreferenceQuestion():
            said = {name: values.get(name, "") for name in ("reason", "strengths", "weaknesses")}
            return {"choice": values.get("choice", ""), **said}
        case RankingQuestion():
            return _ranking(values, len(question.outputs))


def values_of(question: Question, answer: Answer) -> dict[str, str]:
    """The other way round: the form's fields as they would be typed for an answer to the question as it was shown."""
    marks = [mark.model_dump() for mark in answer.marks]
    values = _fields_of(question, answer)
    return {**values, "marks": json.dumps(marks)} if marks else values


def _fields_of(question: Question, answer: Answer) -> dict[str, str]:
    match answer:
        case RubricAnswer():
            return {**_score_fields(question, answer), "improvements": "\n".join(answer.improvements)}
        case FeedbackAnswer(improvements=improvements):
            return (
                {"improvements": "\n".join(improvements)}
                if improvements or answer.marks
                else {"nothing": "yes"}
            )
        case PreferenceAnswer():
            return {
                name: str(getattr(answer, name)) for name in ("choice", "reason", "strengths", "weaknesses")
            }
        case RankingAnswer(ranks=ranks, notes=notes):
            places = {f"rank_{number}": str(rank) for number, rank in enumerate(ranks, 1)}
            return places | {f"note_{number}": note for number, note in enumerate(notes, 1)}


def _score_fields(question: Question, answer: RubricAnswer) -> dict[str, str]:
    """A level's score as the form has it: whole numbers without a point."""
    if isinstance(question, RubricQuestion) and question.aspects:
        return {
            f"score_{number}": f"{answer.scores[aspect.name]:g}"
            for number, aspect in enumerate(question.aspects, 1)
            if aspect.name in answer.scores
        }
    return {"score": f"{answer.score:g}"}


def _scores(values: Mapping[str, str], question: RubricQuestion) -> dict[str, Any]:
    if not question.aspects:
        return {"score": values.get("score", "")}
    fields = {aspect.name: f"score_{number}" for number, aspect in enumerate(question.aspects, 1)}
    return {"scores": {name: values[field] for name, field in fields.items() if values.get(field)}}


def _feedback(values: Mapping[str, str], has_marks: bool) -> dict[str, Any]:
    """Says on purpose that there is nothing to improve, or raises InvalidAnswer."""
    improvements = lines(values.get("improvements", ""))
    if not (improvements or has_marks or "nothing" in values):
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
