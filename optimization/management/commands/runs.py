"""`manage.py runs …`: what is done with runs from the command line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from optimization.models import Run
from optimization.runs.replays import run_replay


class Command(BaseCommand):
    help = "Replay a run from what it has stored."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True, metavar="DEED")
        replay = deeds.add_parser(
            "replay", help="do a run again from its stored calls and answers, and compare byte by byte"
        )
        replay.add_argument("run", type=int, help="the run's number, as in its address")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 0: all is as it should be; 1: it is not, and the words say what."""
        {"replay": self._replay}[options["deed"]](options)

    def _replay(self, options: dict[str, Any]) -> None:
        found = run_replay(_run(options["run"]))
        if not found.equal:
            raise CommandError("\n".join([found.words.partition(" It came out")[0], *found.differences]))
        self.stdout.write(found.words)


def _run(number: int) -> Run:
    run = Run.objects.filter(pk=number).first()
    if run is None:
        raise CommandError(f"There is no run {number}. Its number stands in the address of its page.")
    return run
