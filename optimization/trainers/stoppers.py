"""When to stop before an algorithm ends by itself: asked by the driver between iterations, so that trainers stay pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Protocol

from optimization.trainers.effects import TrainerState


@dataclass(frozen=True)
class Progress:
    """How far training has come: a training score an iteration, a test score a test after an iteration."""

    state: TrainerState
    train_scores: tuple[float | None, ...] = ()
    test_scores: tuple[float | None, ...] = ()
    seconds: float = 0.0
    dollars: float = 0.0

    @property
    def scores(self) -> list[float]:
        """The test scores, or the training scores where there are no tests."""
        tested = [score for score in self.test_scores if score is not None]
        return tested or [score for score in self.train_scores if score is not None]


class Stopper(Protocol):
    def __call__(self, progress: Progress) -> str | None:
        """In words why to stop, or None."""


def _number(stopper: object, setting: str, value: float, least: float | None = None) -> None:
    if isinstance(value, int | float) and isfinite(value) and (least is None or value >= least):
        return
    wanted = "a number" if least is None else f"a number, {least:g} or more"
    raise ValueError(f"{setting} of {type(stopper).__name__} must be {wanted}, not {value!r}.")


@dataclass(frozen=True)
class TargetScore:
    """Stops when the last score reaches `score`."""

    score: float

    def __post_init__(self) -> None:
        _number(self, "score", self.score)

    def __call__(self, progress: Progress) -> str | None:
        if progress.scores and progress.scores[-1] >= self.score:
            return f"The score {progress.scores[-1]:.3f} has reached the target {self.score:g}."
        return None


@dataclass(frozen=True)
class NoImprovement:
    """Stops when the last `iterations` scores are none above the best before them."""

    iterations: int
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.iterations, int) or self.iterations < 1:
            raise ValueError(
                f"iterations of NoImprovement must be a whole number, 1 or more, not {self.iterations!r}."
            )
        _number(self, "threshold", self.threshold)

    def __call__(self, progress: Progress) -> str | None:
        before, last = progress.scores[: -self.iterations], progress.scores[-self.iterations :]
        if before and max(last) <= max(before) + self.threshold:
            scores = "score" if self.iterations == 1 else f"{self.iterations} scores"
            return f"No improvement on {max(before):.3f} in the last {scores}."
        return None


@dataclass(frozen=True)
class TimeLimit:
    """Stops when training has taken `seconds`."""

    seconds: float

    def __post_init__(self) -> None:
        _number(self, "seconds", self.seconds, 0)

    def __call__(self, progress: Progress) -> str | None:
        if progress.seconds >= self.seconds:
            return f"The time limit of {timedelta(seconds=self.seconds)} is over."
        return None


@dataclass(frozen=True)
class DollarLimit:
    """Stops when the calls have cost `dollars`; the endpoints' budget holds within an iteration."""

    dollars: float

    def __post_init__(self) -> None:
        _number(self, "dollars", self.dollars, 0)

    def __call__(self, progress: Progress) -> str | None:
        if progress.dollars >= self.dollars:
            return f"The calls have cost ${progress.dollars:.4f} of ${self.dollars:g}."
        return None
