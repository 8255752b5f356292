"""An answer's body as it comes over the wire, made into an answer: well formed, storable, and fit for its question."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from optimization.feedback.errors import InvalidAnswer
from optimization.llm.texts import storable
from optimization.losses.answers import check_answer
from optimization.losses.aspects import answer_completed
from optimization.losses.questions import (
    ANSWER,
    Answer,
    FeedbackAnswer,
    PreferenceAnswer,
    Question,
    RankingAnswer,
    RubricAnswer,
    RubricQuestion,
)

LIMIT_CHARACTERS = 20_000

ANSWERS: dict[str, type[BaseModel]] = {
    "rubric": RubricAnswer,
    "feedback": FeedbackAnswer,
    "preference": PreferenceAnswer,
    "ranking": RankingAnswer,
}
REQUIRED = {
    "rubric": {"score": "Choose a level."},
    "feedback": {},
    "preference": {"choice": "Choose one of the two, tie, both bad, or cannot judge."},
    "ranking": {"ranks": "Give each output its rank, 1 for the best."},
}
MALFORMED = {
    "score": "The score is a number.",
    "scores": "The scores are numbers, each by the name of its aspect.",
    "choice": "The choice is A, B, tie, both_bad or abstain.",
    "ranks": "The ranks are a list of whole numbers, one for each output.",
    "improvements": "The improvements are a list of texts.",
    "notes": "The notes are a list of texts.",
    "marks": "The marks are a list of {quote, comment}, each a text of at most 2,000 characters.",
}


def answer_parse(question: Question, body: dict[str, Any]) -> Answer:
    """`body` as an answer to `question`; raises InvalidAnswer with a sentence for each wrong field."""
    required = REQUIRED[question.kind]
    if isinstance(question, RubricQuestion) and question.aspects:
        required = {"scores": "Choose a level of each aspect."}
        body = {"score": 0.0, **body}
    answer = _well_formed(question.kind, body, required)
    if problems := check_answer(question, answer):
        raise InvalidAnswer(dict(problems))
    return answer_completed(question, answer)


def _well_formed(kind: str, body: dict[str, Any], required: dict[str, str]) -> Answer:
    if body.get("kind", kind) != kind:
        raise InvalidAnswer({"kind": f"The question is a {kind} question; answer it as one."})
    fields = ANSWERS[kind].model_fields
    errors = {name: f"A {kind} answer has no field {name}." for name in body if name not in fields}
    errors |= {name: words for name, words in required.items() if body.get(name) in (None, "", [], {})}
    errors |= {
        name: f"Shorten it: {LIMIT_CHARACTERS:,} characters are the most."
        for name, value in body.items()
        if len(str(value)) > LIMIT_CHARACTERS
    }
    if errors:
        raise InvalidAnswer(errors)
    try:
        return ANSWER.validate_python({**_without_blanks(storable(body)), "kind": kind})
    except ValidationError as invalid:
        wrong = {str(error["loc"][1]) for error in invalid.errors()}
        raise InvalidAnswer({name: MALFORMED.get(name, "This is a text.") for name in wrong}) from invalid


def _without_blanks(body: dict[str, Any]) -> dict[str, Any]:
    """Texts without space around them, and improvements without blank ones."""
    stripped = {name: value.strip() if isinstance(value, str) else value for name, value in body.items()}
    given = stripped.get("improvements")
    if isinstance(given, list):
        texts = [item.strip() if isinstance(item, str) else item for item in given]
        stripped["improvements"] = [text for text in texts if text != ""]
    return stripped
