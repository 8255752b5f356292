"""What a rehearsal came to, on the terminal: the score after each iteration, the prompts' word diff, what it used."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from optimization.runs.diff import word_diff
from workers.rehearsal.play import Played

LEAST_RISES = 3
_BAR = 24
_STYLES = {"same": "", "added": "bold green", "removed": "red strike"}
_MARKS = {"same": ("", ""), "added": ("{+", "+}"), "removed": ("[-", "-]")}


def show(console: Console, played: Played) -> None:
    console.print(_curve(played))
    for name, (before, after) in changed_parameters(played.parameters).items():
        console.print(f"\n[bold]{escape(name)}[/]")
        console.print(_diff(before, after, coloured=console.color_system is not None))
    used = played.run["usage"]
    console.print(
        f"\n{used['calls']} calls, {used['prompt_tokens'] + used['completion_tokens']:,} tokens, "
        f"${used['cost']:.4f}, {used['rehearsal_answers']} answers of rehearsal colleagues, "
        f"{played.seconds:.0f} s."
    )


def verdict(played: Played) -> str:
    """Why the rehearsal has failed; "" when the held-out score rose over at least LEAST_RISES iterations."""
    curve = played.curve
    if len(curve) < 2:
        return "The run has no held-out scores to compare."
    told = " → ".join(f"{score:.3f}" for score in curve)
    if curve[-1] <= curve[0]:
        return f"The held-out score did not rise: {told}."
    if played.rises < LEAST_RISES:
        return f"The held-out score rose over {played.rises} of the {LEAST_RISES} iterations wanted: {told}."
    return ""


def changed_parameters(versions: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """The first and the current value of each parameter that has more than one version."""
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for version in versions:
        by_name[version["name"]].append(version)
    return {
        name: (ordered[0]["value"], next(one["value"] for one in ordered if one["current"]))
        for name, ordered in by_name.items()
        if len(ordered) > 1
    }


def _curve(played: Played) -> Table:
    table = Table(title="Held-out score", title_justify="left", box=None, pad_edge=False)
    table.add_column("iteration", justify="right")
    table.add_column("score", justify="right")
    table.add_column("")
    for position, score in enumerate(played.curve):
        table.add_row(str(position or "start"), f"{score:.3f}", "█" * round(score * _BAR))
    return table


def _diff(before: str, after: str, coloured: bool) -> Text:
    """The word diff, in colour, or between the marks that `git diff --word-diff` uses."""
    marks = dict.fromkeys(_MARKS, ("", "")) if coloured else _MARKS
    pieces = word_diff(before, after)
    return Text.assemble(
        *(
            (f"{marks[piece.kind][0]}{piece.text}{marks[piece.kind][1]}", _STYLES[piece.kind])
            for piece in pieces
        )
    )
