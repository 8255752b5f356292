"""Examples through two chained LLM nodes, recorded, against the ideal and beside the bare client and dspy.Evaluate.

    python -m benchmarks.forward            2,048 examples; with dspy, installed into a temporary virtual environment
    python -m benchmarks.forward --quick    256 examples, one round, no dspy

1. Against a local endpoint of 200 ms that serves 64 at once: seconds on the clock as a share of the ideal, which is
   examples x 2 calls / 64 x 200 ms. Each contender may have 64 calls under way (`--at-once`).
2. At 256 at once against an endpoint that answers immediately: processor time a call.

Contenders take turns, each in a fresh process; what is told is the median over the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.endpoint import endpoint

LATENCY, SERVED_AT_ONCE, CALLS_AN_EXAMPLE = 0.2, 64, 2
CROWD = 256
HERE = Path(__file__).resolve().parents[1]
console = Console()


@dataclass(frozen=True)
class Contender:
    """A script of `benchmarks.contenders`, and the Python that runs it."""

    title: str
    module: str
    python: str = sys.executable

    def run(self, url: str, examples: int, at_once: int) -> dict[str, float]:
        """Seconds: `wall` and `cpu`."""
        arguments = ["--url", url, "--examples", str(examples), "--at-once", str(at_once)]
        done = subprocess.run(
            [self.python, "-m", f"benchmarks.contenders.{self.module}", *arguments],
            cwd=HERE,
            env={**os.environ, "PYTHONPATH": str(HERE)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return measured


HANDGRAD = Contender("Handgrad, recording", "handgrad")
BARE = Contender("bare openai client", "bare")


@contextlib.contextmanager
def dspy(python: str | None) -> Iterator[list[Contender]]:
    """dspy as `python` has it, else in a virtual environment that is gone afterwards; none where pip cannot install it."""
    if python is not None:
        yield [Contender("dspy.Evaluate", "dspy_evaluate", python)]
        return
    with tempfile.TemporaryDirectory(prefix="handgrad-dspy-") as folder:
        python = str(Path(folder, "bin", "python"))
        with console.status("installing dspy into a temporary virtual environment"):
            venv.create(folder, with_pip=True)
            installed = subprocess.run([python, "-m", "pip", "install", "--quiet", "dspy"], check=False)
        if installed.returncode:
            console.print("pip could not install dspy, so it takes no part.")
            yield []
        else:
            yield [Contender("dspy.Evaluate", "dspy_evaluate", python)]


def rounds_of(
    contenders: list[Contender], rounds: int, url: str, examples: int, at_once: int, said: str
) -> dict[str, list[dict[str, float]]]:
    """What each contender took, round by round; within a round they take turns."""
    found: dict[str, list[dict[str, float]]] = {contender.title: [] for contender in contenders}
    turns = [contender for _ in range(rounds) for contender in contenders]
    for contender in track(turns, console=console, description=said):
        found[contender.title].append(contender.run(url, examples, at_once))
    return found


def against_the_ideal(contenders: list[Contender], examples: int, at_once: int, rounds: int) -> None:
    ideal = examples * CALLS_AN_EXAMPLE / SERVED_AT_ONCE * LATENCY
    table = Table(
        title=f"{examples:,} examples x {CALLS_AN_EXAMPLE} calls, {at_once} at once; ideal {ideal:.1f} s"
    )
    for heading in ("", "seconds", "of the ideal", "CPU a call, ms"):
        table.add_column(heading, justify="right" if heading else "left")
    with endpoint(LATENCY, SERVED_AT_ONCE) as url:
        found = rounds_of(contenders, rounds, url, examples, at_once, "on the clock")
    for title, measured in found.items():
        wall = median(one["wall"] for one in measured)
        table.add_row(title, f"{wall:.1f}", f"{ideal / wall:.2f}", f"{_cpu(measured, examples):.2f}")
    console.print(table)


def in_a_crowd(examples: int, rounds: int) -> None:
    table = Table(title=f"Processor time a call, {CROWD} at once, {examples:,} examples")
    for heading in ("", "ms", "to the bare client"):
        table.add_column(heading, justify="right" if heading else "left")
    with endpoint(0.0, CROWD) as url:
        found = rounds_of([HANDGRAD, BARE], rounds, url, examples, CROWD, "processor time")
    pairs = zip(found[HANDGRAD.title], found[BARE.title], strict=True)
    ratio = median(ours["cpu"] / theirs["cpu"] for ours, theirs in pairs)
    for title, measured in found.items():
        beside = f"{ratio:.2f}" if title == HANDGRAD.title else ""
        table.add_row(title, f"{_cpu(measured, examples):.2f}", beside)
    console.print(table)


def _cpu(measured: list[dict[str, float]], examples: int) -> float:
    return median(one["cpu"] for one in measured) / (examples * CALLS_AN_EXAMPLE) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=2048)
    parser.add_argument(
        "--at-once", type=int, default=SERVED_AT_ONCE, help="calls that each may have under way"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="256 examples, one round, no dspy")
    parser.add_argument("--dspy", metavar="PYTHON", help="a Python that has dspy, instead of installing it")
    given = parser.parse_args()
    examples, rounds = (256, 1) if given.quick else (given.examples, given.rounds)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    console.print(f"{os.cpu_count()} cores; load before the run: {load}")
    with contextlib.nullcontext([]) if given.quick else dspy(given.dspy) as others:
        against_the_ideal([HANDGRAD, BARE, *others], examples, given.at_once, rounds)
    in_a_crowd(examples, rounds)
    console.print(f"Load after the run: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
