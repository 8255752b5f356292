"""A rubric's scale: levels scaled to 0..1, of one criterion or of several aspects, weighted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any, cast

from optimization.losses.questions import (
    Answer,
    Aspect,
    Question,
    RubricAnswer,
    RubricLevel,
    RubricQuestion,
)


class Rubric:
    """The levels, ascending. Scores are scaled to 0..1 between the lowest and the highest.

    With `aspects` an output has a level in each, of the aspect's own levels or of these, and its score is their mean
    by weight.
    """

    def __init__(
        self,
        levels: Sequence[RubricLevel | Mapping[str, Any]],
        aspects: Sequence[Aspect | Mapping[str, Any]] = (),
    ) -> None:
        self.levels = _ordered(levels)
        given = [Aspect.model_validate(aspect) for aspect in aspects]
        self.aspects = tuple(
            aspect.model_copy(update={"levels": _ordered(aspect.levels)}) if aspect.levels else aspect
            for aspect in given
        )
        names = [aspect.name for aspect in self.aspects]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"A rubric's aspects have distinct names; “{twice[0]}” is there twice.")

    @classmethod
    def of(cls, question: RubricQuestion) -> Rubric:
        return cls(question.levels, question.aspects)

    def levels_of(self, aspect: Aspect) -> tuple[RubricLevel, ...]:
        return aspect.levels or self.levels

    def scaled(self, score: float) -> float:
        """(s - min) / (max - min); ValueError for a score that no level has."""
        return _scaled(score, self.levels)

    def shares(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Each aspect's score, scaled to 0..1."""
        return {aspect.name: _scaled(scores[aspect.name], self.levels_of(aspect)) for aspect in self.aspects}

    def together(self, scores: Mapping[str, float]) -> float:
        """The mean of the aspects by weight, 0..1."""
        return fmean(self.shares(scores).values(), [aspect.weight for aspect in self.aspects])

    def on_scale(self, scores: Mapping[str, float]) -> float:
        """What the aspects make together, on the scale of the rubric's own levels."""
        lowest, highest = self.levels[0].score, self.levels[-1].score
        return lowest + self.together(scores) * (highest - lowest)

    def share(self, answer: RubricAnswer) -> float:
        """The answer's score, 0..1."""
        return self.together(answer.scores) if self.aspects else self.scaled(answer.score)

    def raw(self, answer: RubricAnswer) -> float:
        """The answer's score as the rubric counts."""
        return self.on_scale(answer.scores) if self.aspects else answer.score

    def __str__(self) -> str:
        lines = [str(level) for level in reversed(self.levels)]
        for aspect in self.aspects:
            asked = f" - {aspect.description}" if aspect.description else ""
            lines.append(f"Aspect “{aspect.name}”{asked}")
            lines += [f"  {level}" for level in reversed(aspect.levels)]
        return "\n".join(lines)


def answer_completed(question: Question, answer: Answer) -> Answer:
    """A checked answer to a rubric of several aspects, with the score that they make together; any other as it is."""
    if isinstance(question, RubricQuestion) and isinstance(answer, RubricAnswer) and question.aspects:
        score = Rubric.of(question).on_scale(answer.scores)
        return cast("Answer", answer.model_copy(update={"score": round(score, 4)}))
    return answer


def _ordered(levels: Sequence[RubricLevel | Mapping[str, Any]]) -> tuple[RubricLevel, ...]:
    given = [level if isinstance(level, RubricLevel) else RubricLevel(**level) for level in levels]
    ordered = tuple(sorted(given, key=lambda level: level.score))
    if len(ordered) < 2:
        raise ValueError(f"A rubric has two levels or more; {len(ordered)} were given.")
    scores = [level.score for level in ordered]
    repeated = [score for score, after in pairwise(scores) if score == after]
    if repeated:
        raise ValueError(f"A rubric's levels have distinct scores; {repeated[0]:g} is there twice.")
    return ordered


def _scaled(score: float, levels: Sequence[RubricLevel]) -> float:
    if all(level.score != score for level in levels):
        known = ", ".join(f"{level.score:g}" for level in levels)
        raise ValueError(f"{score:g} is not a score of this rubric, which has {known}.")
    lowest, highest = levels[0].score, levels[-1].score
    return (score - lowest) / (highest - lowest)
