"""The curve of a run: its score at the start and after each iteration, with one standard error on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from optimization.models import ExampleSplit, Run, RunState, Score

# What is scored, the most telling first.
SPLITS = (ExampleSplit.TEST, ExampleSplit.VALIDATE, ExampleSplit.TRAIN)


@dataclass(frozen=True)
class CurvePoint:
    """`position` 0 is the start of the run, k the state after k iterations. `low` and `high` stay within 0..1."""

    position: int
    mean: float
    stderr: float | None
    count: int

    @property
    def low(self) -> float:
        return max(0.0, self.mean - (self.stderr or 0.0))

    @property
    def high(self) -> float:
        return min(1.0, self.mean + (self.stderr or 0.0))

    @property
    def name(self) -> str:
        return "start" if self.position == 0 else str(self.position)


@dataclass(frozen=True)
class Curve:
    """`split` tells what was scored; `now` is the position that the running iteration will have, if one runs."""

    split: str
    points: tuple[CurvePoint, ...]
    now: int | None

    @property
    def last(self) -> CurvePoint | None:
        return self.points[-1] if self.points else None

    @property
    def first(self) -> CurvePoint | None:
        return self.points[0] if self.points else None

    def at(self, position: int) -> CurvePoint | None:
        return next((point for point in self.points if point.position == position), None)


def run_curve(run: Run) -> Curve:
    """The held-out split's curve; of a run that holds nothing out, that of what it does score."""
    by_split: dict[str, list[CurvePoint]] = {split: [] for split in SPLITS}
    scores = Score.objects.filter(run=run, mean__isnull=False).order_by("position")
    for position, split, mean, stderr, count in scores.values_list(
        "position", "split", "mean", "stderr", "count"
    ):
        by_split[split].append(CurvePoint(position, mean or 0.0, stderr, count))
    split = next((split for split in SPLITS if by_split[split]), SPLITS[0])
    over = run.state in {RunState.FINISHED, RunState.CANCELLED}
    return Curve(split, tuple(by_split[split]), None if over else run.iteration + 1)
