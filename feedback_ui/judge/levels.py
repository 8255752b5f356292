"""A rubric as the page shows it: one criterion, or several aspects that each get a level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from optimization.losses.questions import RubricLevel, RubricQuestion

KEYS = 9


@dataclass(frozen=True)
class Level:
    """`key` is the digit that chooses it, empty past the ninth."""

    key: str
    score: float
    label: str
    description: str
    chosen: bool


@dataclass(frozen=True)
class Criterion:
    """What gets a level; `field` is its name in the form. The only one has no name."""

    field: str
    name: str
    description: str
    levels: tuple[Level, ...]
    error: str

    @property
    def choices(self) -> SafeString:
        """The levels as HTML."""
        return _choices(self.field, self.levels, bool(self.error))


def criteria_of(
    question: RubricQuestion, values: Mapping[str, Any], errors: Mapping[str, str]
) -> list[Criterion]:
    if not question.aspects:
        return [
            Criterion("score", "", "", _levels(question.levels, values.get("score")), errors.get("score", ""))
        ]
    return [
        Criterion(
            field=f"score_{number}",
            name=aspect.name,
            description=aspect.description,
            levels=_levels(question.levels_of(aspect), values.get(f"score_{number}")),
            error=errors.get(f"scores/{aspect.name}") or (errors.get("scores", "") if number == 1 else ""),
        )
        for number, aspect in enumerate(question.aspects, 1)
    ]


def improvements_rule(question: RubricQuestion) -> str:
    """From which level on improvements need not be given, in words; empty where they are simply asked for."""
    levels = sorted(question.levels, key=lambda level: level.score)
    free = [level.label for level in levels if not question.improvements_required(level.score)]
    if not free:
        return ""
    if len(free) == len(levels):
        return "Optional"
    return f"Optional for “{free[0]}”" if len(free) == 1 else f"Optional from “{free[0]}” up"


def _plain(chosen: Any) -> str:
    """A score as a form or a draft has it, written as a level's is."""
    try:
        return f"{float(chosen):g}"
    except (TypeError, ValueError):
        return ""


def _levels(levels: tuple[RubricLevel, ...], chosen: Any) -> tuple[Level, ...]:
    """From the lowest score up, so that a higher digit is a better level."""
    return tuple(
        Level(
            key=str(number) if number <= KEYS else "",
            score=level.score,
            label=level.label,
            description=level.description,
            chosen=f"{level.score:g}" == _plain(chosen),
        )
        for number, level in enumerate(sorted(levels, key=lambda level: level.score), 1)
    )


@lru_cache(maxsize=256)
def _choices(field: str, levels: tuple[Level, ...], wrong: bool) -> SafeString:
    """Made once: a run's questions have the same levels."""
    return render_to_string("judge/levels.html", {"field": field, "levels": levels, "wrong": wrong})
