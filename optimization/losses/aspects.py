"""A rubric's scale: levels scaled to 0..1, of one criterion or of several aspects, weighted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any, cast

from pydantic import ValidationError

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
    by weight. `owner` is the loss whose rubric it is, for errors.
    """

    def __init__(
        self,
        levels: Sequence[RubricLevel | Mapping[str, Any]],
        aspects: Sequence[Aspect | Mapping[str, Any]] = (),
        owner: str = "a question",
    ) -> None:
        self.owner = owner
        self.levels = levels_ordered(levels, f"The rubric of {owner}")
        self.aspects = aspects_of(aspects, owner)

    @classmethod
    def of(cls, question: RubricQuestion) -> Rubric:
        return cls(question.levels, question.aspects)

    def levels_of(self, aspect: Aspect) -> tuple[RubricLevel, ...]:
        return aspect.levels or self.levels

    def scaled(self, score: float) -> float:
        """(s - min) / (max - min); ValueError for a score that no level has."""
        return _scaled(score, self.levels, f"The rubric of {self.owner}")

    def shares(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Each aspect's score, scaled to 0..1; ValueError for an aspect that has none of its scores."""
        missing = [aspect.name for aspect in self.aspects if aspect.name not in scores]
        if missing:
            raise ValueError(
                f"{self.owner} needs a score of each aspect: {', '.join(missing)} has none. Give "
                f"RubricAnswer(scores={{{missing[0]!r}: ...}})."
            )
        return {
            aspect.name: _scaled(
                scores[aspect.name], self.levels_of(aspect), f"The aspect “{aspect.name}” of {self.owner}"
            )
            for aspect in self.aspects
        }

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


def aspects_of(given: Sequence[Aspect | Mapping[str, Any]], owner: str = "a rubric") -> tuple[Aspect, ...]:
    """The aspects, each with its own levels ascending; ValueError for what is none, and for two of one name."""
    aspects = tuple(_aspect(aspect, owner) for aspect in given)
    names = [aspect.name for aspect in aspects]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"The aspects of {owner} have distinct names; “{twice[0]}” is there twice: rename one."
        )
    return aspects


def _aspect(given: Aspect | Mapping[str, Any], owner: str) -> Aspect:
    try:
        aspect = Aspect.model_validate(given)
    except ValidationError as error:
        raise ValueError(
            f"An aspect of {owner} is Aspect(name=..., weight=..., levels=...), or a dict with these; "
            f"{given!r} is none: {first_problem(error)}."
        ) from None
    if not aspect.levels:
        return aspect
    what = f"The aspect “{aspect.name}” of {owner}"
    return aspect.model_copy(update={"levels": levels_ordered(aspect.levels, what)})


def levels_ordered(
    levels: Sequence[RubricLevel | Mapping[str, Any]], what: str = "A rubric"
) -> tuple[RubricLevel, ...]:
    """The levels, ascending; ValueError for fewer than two, and for two of one score."""
    if not isinstance(levels, Sequence) or isinstance(levels, str):
        raise TypeError(f"{what} is a list of levels, not {levels!r}. {LEVEL}")
    ordered = tuple(sorted((_level(level, what) for level in levels), key=lambda level: level.score))
    if len(ordered) < 2:
        raise ValueError(f"{what} has two levels or more; {len(ordered)} given. {LEVEL}")
    scores = [level.score for level in ordered]
    repeated = [score for score, after in pairwise(scores) if score == after]
    if repeated:
        raise ValueError(
            f"{what} has levels of distinct scores; {repeated[0]:g} is there twice. Give one of them another score."
        )
    return ordered


LEVEL = (
    'A level is RubricLevel(3, "Good", "answers the question"), or a dict with score, label and description.'
)


def _level(given: RubricLevel | Mapping[str, Any], what: str) -> RubricLevel:
    try:
        return RubricLevel.model_validate(given)
    except (ValidationError, TypeError) as error:
        said = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise ValueError(f"{what} has a level that is none, {given!r}: {said}. {LEVEL}") from None


def first_problem(error: ValidationError) -> str:
    """What is wrong first, on one line: the field, and how."""
    found = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in found["loc"])
    return f"{place}: {found['msg']}" if place else str(found["msg"])


def _scaled(score: float, levels: Sequence[RubricLevel], what: str) -> float:
    if all(level.score != score for level in levels):
        known = ", ".join(f"{level.score:g}" for level in levels)
        raise ValueError(f"{what} has no level of score {score:g}. Answer with one of {known}.")
    lowest, highest = levels[0].score, levels[-1].score
    return (score - lowest) / (highest - lowest)
