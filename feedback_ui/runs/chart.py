"""The curve of a run as the chart wants it, and as a sentence for who cannot see it."""

from __future__ import annotations

from typing import Any

from optimization.runs.curve import Curve

SPLIT_NAMES = {
    "test": "Score on held-out examples",
    "validate": "Score on validation examples",
    "train": "Score on training examples",
}


def chart_data(curve: Curve) -> dict[str, Any]:
    """Columns for uPlot; `now` is the position under way, drawn as a ring after the last point."""
    return {
        "positions": [point.position for point in curve.points],
        "means": [round(point.mean, 4) for point in curve.points],
        "lows": [round(point.low, 4) for point in curve.points],
        "highs": [round(point.high, 4) for point in curve.points],
        "stderr": round(curve.last.stderr, 4) if curve.last and curve.last.stderr is not None else None,
        "now": curve.now,
    }


def chart_title(curve: Curve) -> str:
    return SPLIT_NAMES[curve.split]


def chart_summary(curve: Curve) -> str:
    """One sentence: where the score began and where it stands."""
    if not curve.first or not curve.last:
        if curve.now is None:
            return "No score: nothing was scored on held-out examples."
        return "No score yet: the first comes when the starting prompts have been scored."
    start = f"{chart_title(curve)}: {curve.first.mean:.2f} at the {curve.first.name}"
    if curve.first.position > 0:
        start = f"{chart_title(curve)}: {curve.first.mean:.2f} after iteration {curve.first.name}"
    if curve.last is curve.first:
        return f"{start}."
    error = f" ± {curve.last.stderr:.2f}" if curve.last.stderr is not None else ""
    return f"{start}, {curve.last.mean:.2f}{error} after iteration {curve.last.name}."
