"""`manage.py rehearsal_policy`: a policy is made from scratch and trained through the real stack; did its reward rise?"""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from workers.rehearsal.play import Played, Player, PlayError
from workers.rehearsal.policy import STEPS, policy_run, policy_verdict, show_steps
from workers.rehearsal.scratch import ScratchError, log_in, scratch_stack, tail


class Command(BaseCommand):
    help = (
        "Train the shipped policy, made from scratch, on a stack of its own; exits 0 only if its reward on tickets that "
        "it has not seen rose."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--steps", type=int, default=STEPS)
        parser.add_argument("--timeout", type=float, default=900.0, help="seconds for the run (default 900)")
        parser.add_argument(
            "--database-url", default="", help="an empty database for it (default: SQLite of its own)"
        )
        parser.add_argument("--keep", action="store_true", help="keep the data folder and say where it is")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _interrupt)
        console = Console()
        folder = Path(tempfile.mkdtemp(prefix="handgrad-rehearsal-"))
        failed = True
        try:
            played = self._play(console, folder, options)
            show_steps(console, played)
            if reason := policy_verdict(played):
                raise CommandError(reason)
            failed = False
            console.print("[bold green]The reward rose.[/]")
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
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24))
        with Progress(
            *columns, MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True
        ) as bars:
            starting = bars.add_task("Starting the stack", total=None)
            with scratch_stack(folder, options["database_url"], policies=True) as stack:
                bars.update(starting, description=f"The stack is at {stack.address}", total=1, completed=1)
                steps = bars.add_task("Steps", total=options["steps"])
                doing = bars.add_task("", total=None)
                told = 0

                def watch(run: dict[str, Any]) -> None:
                    nonlocal told
                    stack.check()
                    done, total = run["progress"] or (0, None)
                    bars.update(steps, completed=run["iteration"])
                    bars.update(doing, description=run["sentence"], completed=done, total=total)
                    for point in sorted(run["curve"], key=lambda each: each["position"])[told:]:
                        where = f"after step {point['position']}" if point["position"] else "at the start"
                        console.print(f"Reward on unseen tickets {where}: {point['mean']:.3f}")
                        told += 1

                player = Player(stack.address, stack.token)
                return player.play(policy_run(options["steps"]), watch, options["timeout"])


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
