"""`manage.py rehearsal`: play the shipped run to its end, without a screen, and say whether the score rose."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from optimization.rehearsal import NOTICE
from workers.rehearsal.play import Played, Player, PlayError, shipped_run
from workers.rehearsal.report import show, verdict
from workers.rehearsal.scratch import ScratchError, log_in, scratch_stack, tail


class Command(BaseCommand):
    help = "Play the shipped run on a stack of its own; exits 0 only if the score rose over three iterations."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--iterations", type=int, default=4)
        parser.add_argument("--timeout", type=float, default=600.0, help="seconds for the run (default 600)")
        parser.add_argument(
            "--database-url", default="", help="an empty database for it (default: SQLite of its own)"
        )
        parser.add_argument("--keep", action="store_true", help="keep the data folder and say where it is")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _interrupt)
        console = Console()
        folder = Path(tempfile.mkdtemp(prefix="handgrad-rehearsal-"))
        console.print(f"A run is played by rehearsal colleagues ({NOTICE}).")
        failed = True
        try:
            played = self._play(console, folder, options)
            show(console, played)
            if reason := verdict(played):
                raise CommandError(reason)
            failed = False
            console.print("[bold green]The score rose.[/]")
        except (PlayError, ScratchError) as error:
            raise CommandError(f"{error}\n\nThe end of the stack's log:\n{tail(log_in(folder))}") from None
        except KeyboardInterrupt:
            raise CommandError("Stopped.") from None
        finally:
            if options["keep"] or failed:
                console.print(f"Kept: {folder}")
            else:
                shutil.rmtree(folder, ignore_errors=True)

    def _play(self, console: Console, folder: Path, options: dict[str, Any]) -> Played:
        with _progress(console) as progress:
            starting = progress.add_task("Starting the stack", total=None)
            with scratch_stack(folder, options["database_url"]) as stack:
                progress.update(
                    starting, description=f"The stack is at {stack.address}", total=1, completed=1
                )
                watcher = _Watcher(console, progress, options["iterations"])

                def watch(run: dict[str, Any]) -> None:
                    stack.check()
                    watcher(run)

                player = Player(stack.address, stack.token)
                played = player.play(shipped_run(options["iterations"]), watch, options["timeout"])
                progress.update(starting, description="Stopping the stack")
                return played


class _Watcher:
    """Shows the run's progress, and a line for each score as it comes in."""

    def __init__(self, console: Console, progress: Progress, iterations: int) -> None:
        self._console = console
        self._progress = progress
        self._run = progress.add_task("The run", total=iterations)
        self._phase = progress.add_task("", total=None)
        self._scores = 0

    def __call__(self, run: dict[str, Any]) -> None:
        done, total = run["progress"] or (0, None)
        self._progress.update(self._run, completed=run["iteration"])
        self._progress.update(self._phase, description=run["sentence"], completed=done, total=total)
        for point in sorted(run["curve"], key=lambda point: point["position"])[self._scores :]:
            where = f"after iteration {point['position']}" if point["position"] else "at the start"
            self._console.print(f"Held-out score {where}: {point['mean']:.3f}")
            self._scores += 1


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
