"""The work of `benchmarks.forward` as a durable run: everything stored, on PostgreSQL, by two worker processes.

    python -m benchmarks.durable            2,048 examples, 3 rounds
    python -m benchmarks.durable --quick    512 examples, 1 round

1. At 64 at once against a local endpoint of 200 ms that serves 64: seconds as a share of the ideal, beside the bare client.
2. At 256 at once against an endpoint that answers immediately: calls a second, to those of the bare client in one process.
3. From the last answer of an iteration to its step; `advance` at iterations 10 and 1,000; what 10,000 idle runs cost.

Runs and peers take turns, so that what else the machine does meets both. The server is DATABASE_URL's, or
postgres@127.0.0.1; a database of its own is made there and dropped.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.contenders.task import DRAFT, REFINE, WARM_UP, Task
from benchmarks.deployment import LLM_WORKERS, deployment, workers
from benchmarks.endpoint import endpoint
from benchmarks.forward import BARE, CALLS_AN_EXAMPLE, CROWD, LATENCY, SERVED_AT_ONCE

if TYPE_CHECKING:
    from optimization.models import Run, Workspace

console = Console()
PROGRAM = {
    "inputs": ["ticket"],
    "nodes": [
        {"id": "draft", "prompt": "{ticket}", "parameter": {"value": DRAFT, "description": "How to draft"}},
        {"id": "refine", "prompt": "{draft}", "parameter": {"value": REFINE, "description": "How to refine"}},
    ],
    "output": "refine",
}
PATIENCE = 600.0


class Durable:
    """A workspace whose runs put so many examples through the program, judged in code, in one iteration."""

    def __init__(self, name: str, examples: int) -> None:
        from optimization.accounts.services import member_add, workspace_create
        from optimization.catalog.datasets import dataset_import
        from optimization.catalog.programs import program_import
        from optimization.models import Role

        self.workspace: Workspace = workspace_create(name=name)
        self.user = member_add(workspace=self.workspace, username=name, role=Role.OPERATOR)[0].user
        program_import(workspace=self.workspace, name="reply", spec=PROGRAM)
        for title, count in (("many", examples), ("few", WARM_UP)):
            tickets = Task("", count, 1).tickets(count)
            rows = [json.dumps({"inputs": {"ticket": one}, "split": "train"}).encode() for one in tickets]
            dataset_import(workspace=self.workspace, name=title, title=title, lines=rows)

    def point_to(self, url: str, at_once: int) -> None:
        from optimization.models import Endpoint

        Endpoint.objects.filter(workspace=self.workspace).delete()
        Endpoint.objects.create(
            workspace=self.workspace, name="default", base_url=url, model="benchmark", max_concurrent=at_once
        )

    def seconds(self, dataset: str, size: int) -> float:
        """From the Forward's row to its result, by the database's clock."""
        from optimization.models import Effect
        from optimization.runs.config import RunConfig
        from optimization.runs.services import run_launch

        config = {
            "program": "reply",
            "dataset": dataset,
            "trainer": {"name": "MinibatchAlgorithm", "args": {"batch_size": size}},
            "loss": {"name": "VerifierLoss", "args": {"verifier": {"name": "regex", "pattern": "."}}},
            "iterations": 1,
        }
        run = run_launch(
            workspace=self.workspace, user=self.user, config=RunConfig.model_validate(config), name="A run"
        )
        forward = Effect.objects.filter(run=run, kind="forward").exclude(done_at=None)
        until = time.monotonic() + PATIENCE
        while (found := forward.first()) is None or found.done_at is None:
            run.refresh_from_db()
            if run.state == "needs_attention" or time.monotonic() > until:
                raise SystemExit(f"The run has not come through: {run.reason}")
            time.sleep(0.1)
        assert_everything_is_stored(run, size)
        return (found.done_at - found.created_at) / timedelta(seconds=1)


def assert_everything_is_stored(run: Run, examples: int) -> None:
    from optimization.models import Call, Tape

    assert Call.objects.filter(run=run).count() == examples * CALLS_AN_EXAMPLE
    assert Tape.objects.filter(run=run).count() == examples


def processor_seconds() -> float:
    """What the workers, the endpoint and PostgreSQL's processes for this database have used, where they can be seen."""
    seen = {process.pid: process for process in psutil.Process().children(recursive=True)}
    used = 0.0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid in seen or "handgrad_benchmark" in " ".join(process.cmdline()):
                used += sum(process.cpu_times()[:2])
    return used


def through(folder: Path, examples: int, rounds: int) -> None:
    """Both measurements of the work itself."""
    durable = Durable("benchmark", examples)
    ideal = examples * CALLS_AN_EXAMPLE / SERVED_AT_ONCE * LATENCY
    for title, latency, at_once, wanted in (
        (
            f"{SERVED_AT_ONCE} at once, 200 ms a call; ideal {ideal:.1f} s",
            LATENCY,
            SERVED_AT_ONCE,
            "0.93 of the ideal",
        ),
        (f"{CROWD} at once, no latency", 0.0, CROWD, "1.5 of the bare client's calls a second"),
    ):
        ours, theirs, cpu, their_cpu = [], [], [], []
        with endpoint(latency, at_once) as url:
            durable.point_to(url, at_once)
            with workers(folder):
                durable.seconds("few", WARM_UP)
                for _ in range(rounds):
                    with console.status(title):
                        before = processor_seconds()
                        ours.append(durable.seconds("many", examples))
                        cpu.append(processor_seconds() - before)
                        peer = BARE.run(url, examples, at_once)
                        theirs.append(peer["wall"])
                        their_cpu.append(peer["cpu"])
        table = Table(title=f"{examples:,} examples x {CALLS_AN_EXAMPLE} calls, {title}")
        for heading in ("", "seconds", "of the ideal", "calls a second", "CPU a call, ms"):
            table.add_column(heading, justify="right" if heading else "left")
        calls = examples * CALLS_AN_EXAMPLE
        for name, taken, used in (
            (f"durable run, {LLM_WORKERS} processes", median(ours), median(cpu)),
            (BARE.title, median(theirs), median(their_cpu)),
        ):
            share = f"{ideal / taken:.2f}" if latency else ""
            table.add_row(name, f"{taken:.1f}", share, f"{calls / taken:.0f}", f"{used / calls * 1000:.2f}")
        console.print(table)
        ratio = median(their / our for our, their in zip(ours, theirs, strict=True))
        console.print(
            f"Calls a second to the bare client's, round by round: {ratio:.2f}. Wanted: {wanted}.\n"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="512 examples, one round")
    parser.add_argument(
        "--only", choices=["through", "waiting"], help="the first two measurements, or the third"
    )
    given = parser.parse_args()
    examples, rounds = (512, 1) if given.quick else (given.examples, given.rounds)
    console.print(f"{os.cpu_count()} cores; load before the run: {os.getloadavg()[0]:.1f}")
    with deployment() as folder:
        if given.only != "waiting":
            through(folder, examples, rounds)
        if given.only != "through":
            from benchmarks.waiting import waiting

            waiting(folder, console)
    console.print(f"Load after the run: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
