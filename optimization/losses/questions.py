"""What people are asked and what they answer: plain data that a console, a notebook, a page and REST share."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, TypeAdapter


class RubricLevel(BaseModel):
    """One level of a rubric: its score, a short label and what it means."""

    model_config = ConfigDict(frozen=True)

    score: int | float
    label: str
    description: str = ""

    def __init__(self, score: int | float, label: str, description: str = "") -> None:
        super().__init__(score=score, label=label, description=description)

    def __str__(self) -> str:
        return f"{self.score:g}: {self.label}" + (f" - {self.description}" if self.description else "")


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True)

    criteria: str
    target: Any = None
    context: dict[str, Any] = {}


class RubricQuestion(_Question):
    """Which level does `output` reach? `require_feedback` as in HumanRubricLoss."""

    kind: Literal["rubric"] = "rubric"
    output: Any
    levels: tuple[RubricLevel, ...]
    require_feedback: bool | float = True

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


class _Answer(BaseModel):
    """`weight` is how often the answer counts where scores are averaged; it is the run's, never the annotator's."""

    _weight: float = PrivateAttr(default=1.0)

    @property
    def weight(self) -> float:
        return self._weight


class FeedbackAnswer(_Answer):
    kind: Literal["feedback"] = "feedback"
    improvements: list[str] = []

    def __init__(self, improvements: list[str] | None = None, *, kind: str = "feedback") -> None:
        super().__init__(kind=kind, improvements=[] if improvements is None else improvements)


class RubricAnswer(_Answer):
    """`score` is one of the rubric's scores."""

    kind: Literal["rubric"] = "rubric"
    score: float
    improvements: list[str] = []
    justification: str = ""

    def __init__(
        self,
        score: float,
        improvements: list[str] | None = None,
        justification: str = "",
        *,
        kind: str = "rubric",
    ) -> None:
        given = [] if improvements is None else improvements
        super().__init__(kind=kind, score=score, improvements=given, justification=justification)


Choice = Literal["A", "B", "tie", "both_bad", "abstain"]


class PreferenceAnswer(_Answer):
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
        kind: str = "preference",
    ) -> None:
        super().__init__(kind=kind, choice=choice, reason=reason, strengths=strengths, weaknesses=weaknesses)


class RankingAnswer(_Answer):
    """`ranks[i]` is the rank of output i, 1 the best; `notes[i]` what was said of it."""

    kind: Literal["ranking"] = "ranking"
    ranks: list[int]
    notes: list[str] = []

    def __init__(self, ranks: list[int], notes: list[str] | None = None, *, kind: str = "ranking") -> None:
        super().__init__(kind=kind, ranks=ranks, notes=[] if notes is None else notes)


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
    """Puts a question to people and gives their answers, one an annotator."""

    async def ask(self, question: Question) -> list[Answer]: ...
