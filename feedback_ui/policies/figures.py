"""What a policy's steps were measured by, as small charts beside each other, and as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from optimization.runs.policy.selectors import StepRow

Metrics = dict[str, float]


@dataclass(frozen=True)
class Line:
    """A curve of a figure; `spreads` are standard deviations, drawn as a band, where there are any."""

    name: str
    values: tuple[float | None, ...]
    spreads: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Figure:
    """`about` says in half a sentence what to make of it; `form` is how its numbers are written."""

    id: str
    title: str
    about: str
    form: str
    steps: tuple[int, ...]
    lines: tuple[Line, ...]

    @property
    def script(self) -> str:
        """The id of the element that holds its data."""
        return f"figure-{self.id}"

    @property
    def last(self) -> str:
        """The latest value in words; of several lines none."""
        known = [value for value in self.lines[0].values if value is not None]
        return self.form.format(known[-1]) if known and len(self.lines) == 1 else ""

    @property
    def summary(self) -> str:
        """For who cannot see it."""
        told = []
        for line in self.lines:
            known = [value for value in line.values if value is not None]
            if known:
                named = f"{line.name}: " if len(self.lines) > 1 else ""
                told.append(
                    f"{named}{self.form.format(known[0])} at first, {self.form.format(known[-1])} now"
                )
        return f"{self.title}. {'; '.join(told)}."

    @property
    def data(self) -> dict[str, Any]:
        """Columns for uPlot, with how the axis is written."""
        return {
            "steps": self.steps,
            "percent": "%" in self.form,
            "lines": [
                {
                    "name": line.name,
                    "values": line.values,
                    "lows": [_apart(v, s, -1) for v, s in zip(line.values, line.spreads, strict=False)],
                    "highs": [_apart(v, s, 1) for v, s in zip(line.values, line.spreads, strict=False)],
                }
                for line in self.lines
            ],
        }


def _apart(value: float | None, spread: float | None, sign: int) -> float | None:
    return None if value is None else round(value + sign * (spread or 0.0), 4)


# (id, title, about, form, how it is read off a step's metrics)
PLAIN: tuple[tuple[str, str, str, str, Callable[[Metrics], float | None]], ...] = (
    ("kl", "KL from the start", "how far the policy has moved", "{:.3f}", lambda m: m.get("kl")),
    (
        "clip",
        "Clipped tokens",
        "ratios outside the trusted range",
        "{:.1%}",
        lambda m: m.get("clip_fraction"),
    ),
    ("entropy", "Entropy, nats", "low: it says the same every time", "{:.2f}", lambda m: m.get("entropy")),
    ("length", "Length, tokens", "of a completion", "{:.1f}", lambda m: m.get("length")),
    (
        "flat",
        "Groups without variance",
        "they teach nothing",
        "{:.0%}",
        lambda m: m["groups/zero_variance"] / m["groups"] if m.get("groups") else None,
    ),
    ("speed", "Tokens a second", "trained on", "{:,.0f}", lambda m: m.get("tokens_per_second")),
)


def figures_of(steps: Sequence[StepRow], components: Sequence[str]) -> list[Figure]:
    """Reward by component first; a figure without a single number is left out."""
    numbers = tuple(step.number for step in steps)
    rewards = tuple(
        Line(
            name,
            tuple(_rounded(step.metrics.get(f"reward/{name}")) for step in steps),
            tuple(_rounded(step.metrics.get(f"reward/{name}/std")) for step in steps),
        )
        for name in components
    )
    found = [
        Figure(
            "reward", "Reward of the batch", "mean, and one standard deviation", "{:.2f}", numbers, rewards
        )
    ]
    for key, title, about, form, read in PLAIN:
        values = tuple(_rounded(read(step.metrics)) for step in steps)
        found.append(Figure(key, title, about, form, numbers, (Line(title, values),)))
    return [
        figure for figure in found if any(value is not None for line in figure.lines for value in line.values)
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
