"""What people are asked and what they answer: plain data that a console, a notebook, a page and REST share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, TypeAdapter

Score = int | Annotated[float, Field(allow_inf_nan=False)]


class RubricLevel(BaseModel):
    """One level of a rubric: its score, a short label and what it means."""

    model_config = ConfigDict(frozen=True)

    score: Score
    label: str
    description: str = ""

    def __init__(self, score: int | float, label: str, description: str = "") -> None:
        super().__init__(score=score, label=label, description=description)

    def __str__(self) -> str:
        return f"{self.score:g}: {self.label}" + (f" - {self.description}" if self.description else "")


class Aspect(BaseModel):
    """One of several criteria of a rubric: `weight` is its part in the score, `levels` are its own where it has any."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(min_length=1, max_length=80)
    description: str = ""
    weight: float = Field(1.0, gt=0, allow_inf_nan=False)
    levels: tuple[RubricLevel, ...] = ()


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True)

    criteria: str
    target: Any = None
    context: dict[str, Any] = {}


class RubricQuestion(_Question):
    """Which level does `output` reach, in each of `aspects` where there are any? `require_feedback` as in
    HumanRubricLoss."""

    kind: Literal["rubric"] = "rubric"
    output: Any
    levels: tuple[RubricLevel, ...]
    aspects: tuple[Aspect, ...] = ()
    require_feedback: bool | float = True

    def levels_of(self, aspect: Aspect) -> tuple[RubricLevel, ...]:
        return aspect.levels or self.levels

    def level(self, score: float) -> RubricLevel | None:
        """The level of that score, if there is one."""
        return next((level for level in self.levels if level.score == score), None)

    def improvements_required(self, score: float) -> bool:
        """Must an answer of this score say what to improve?"""
        if isinstance(self.require_feedback, bool):
            return self.require_feedback
        return score <= self.require_feedback


class FeedbackQuestion(_Question):
    """What should be better about `output`?"""

    kind: Literal["feedback"] = "feedback"
    output: Any


class PreferenceQuestion(_Question):
    """Which of two outputs is better?"""

    kind: Literal["preference"] = "preference"
    outputs: tuple[Any, Any]
    require_reason: bool = True


class RankingQuestion(_Question):
    """In what order do the outputs come, the best first?"""

    kind: Literal["ranking"] = "ranking"
    outputs: tuple[Any, ...]
    allow_ties: bool = False


Question = Annotated[
    RubricQuestion | FeedbackQuestion | PreferenceQuestion | RankingQuestion, Field(discriminator="kind")
]


class Mark(BaseModel):
    """A comment on words of an output: `quote` are the words, `output` is the place of the output among those that are
    compared, `start` where the words begin in the text as it was shown, to find them again."""

    quote: str = Field(min_length=1, max_length=2000)
    comment: str = Field(min_length=1, max_length=2000)
    output: int = Field(0, ge=0)
    start: int | None = Field(None, ge=0)

    def __str__(self) -> str:
        return f"On “{' '.join(self.quote.split())}”: {self.comment.strip()}"


class Marked(BaseModel):
    """An answer may comment on words of what it judges, besides all else. `weight` is how often it counts where scores
    are averaged: the run's to say, never the annotator's."""

    marks: list[Mark] = []
    _weight: float = PrivateAttr(default=1.0)

    @property
    def weight(self) -> float:
        return self._weight

    def said_of_words(self, output: int = 0) -> list[str]:
        """The comments on words of an output, each with the words."""
        return [str(mark) for mark in self.marks if mark.output == output]


class FeedbackAnswer(Marked):
    """What should be better, one improvement an item."""

    kind: Literal["feedback"] = "feedback"
    improvements: list[str] = []

    def __init__(
        self,
        improvements: list[str] | None = None,
        *,
        marks: Sequence[Mark] = (),
        kind: str = "feedback",
    ) -> None:
        super().__init__(kind=kind, improvements=[] if improvements is None else improvements, marks=marks)


class RubricAnswer(Marked):
    """`score` is one of the rubric's scores. Where the rubric has aspects, `scores` has one of each aspect's by its
    name, and `score` is what they make together (losses.aspects)."""

    kind: Literal["rubric"] = "rubric"
    score: float
    improvements: list[str] = []
    justification: str = ""
    scores: dict[str, float] = {}

    def __init__(
        self,
        score: float = 0.0,
        improvements: list[str] | None = None,
        justification: str = "",
        scores: dict[str, float] | None = None,
        *,
        marks: Sequence[Mark] = (),
        kind: str = "rubric",
    ) -> None:
        super().__init__(
            kind=kind,
            score=score,
            improvements=[] if improvements is None else improvements,
            justification=justification,
            scores={} if scores is None else scores,
            marks=marks,
        )


Choice = Literal["A", "B", "tie", "both_bad", "abstain"]


class PreferenceAnswer(Marked):
    """`strengths` are the better output's, `weaknesses` the other's."""

    kind: Literal["preference"] = "preference"
    choice: Choice
    reason: str = ""
    strengths: str = ""
    weaknesses: str = ""

    def __init__(
        self,
        choice: Choice,
        reason: str = "",
        strengths: str = "",
        weaknesses: str = "",
        *,
        marks: Sequence[Mark] = (),
        kind: str = "preference",
    ) -> None:
        super().__init__(
            kind=kind, choice=choice, reason=reason, strengths=strengths, weaknesses=weaknesses, marks=marks
        )


class RankingAnswer(Marked):
    """`ranks[i]` is the rank of output i, 1 the best; `notes[i]` what was said of it."""

    kind: Literal["ranking"] = "ranking"
    ranks: list[int]
    notes: list[str] = []

    def __init__(
        self,
        ranks: list[int],
        notes: list[str] | None = None,
        *,
        marks: Sequence[Mark] = (),
        kind: str = "ranking",
    ) -> None:
        super().__init__(kind=kind, ranks=ranks, notes=[] if notes is None else notes, marks=marks)


Answer = Annotated[
    RubricAnswer | FeedbackAnswer | PreferenceAnswer | RankingAnswer, Field(discriminator="kind")
]


def weighed(answer: Answer, weight: float) -> Answer:
    """The same answer, to count `weight` times."""
    counted = answer.model_copy()
    counted._weight = weight
    return counted


QUESTION: TypeAdapter[Question] = TypeAdapter(Question)
ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


class FeedbackDesk(Protocol):
    """Puts a question to people and gives their answers, one an annotator.

    One whose `has_checked` is True has checked what people say already, and a loss requires no words of it.
    """

    async def ask(self, question: Question) -> list[Answer]: ...
