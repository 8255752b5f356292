"""`manage.py runs …`: what is done with runs from the command line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from optimization.models import Run
from optimization.runs.doctor import CHECKS, examine
from optimization.runs.replays import run_replay
from optimization.runs.states import Conflict
from optimization.runs.words import counted


class Command(BaseCommand):
    help = "Replay a run from what it has stored, or check every invariant of the runs in the database."

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True, metavar="DEED")
        replay = deeds.add_parser(
            "replay", help="do a run again from its stored calls and answers, and compare byte by byte"
        )
        replay.add_argument("run", type=int, help="the run's number, as in its address")

        doctor = deeds.add_parser("doctor", help="check every invariant, say each breach in words")
        doctor.add_argument(
            "run", type=int, nargs="?", help="one run's number; all runs where it is left out"
        )
        doctor.add_argument("--repair", action="store_true", help="mend what is safe to mend")
        doctor.add_argument("--list", action="store_true", help="say what is checked, and check nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 0: all is as it should be; 1: it is not, and the words say what."""
        {"replay": self._replay, "doctor": self._doctor}[options["deed"]](options)

    def _replay(self, options: dict[str, Any]) -> None:
        try:
            found = run_replay(_run(options["run"]))
        except Conflict as conflict:
            raise CommandError(str(conflict)) from None
        if not found.equal:
            raise CommandError("\n".join([found.words.partition(" It came out")[0], *found.differences]))
        self.stdout.write(found.words)

    def _doctor(self, options: dict[str, Any]) -> None:
        if options["list"]:
            self.stdout.write("\n".join(f"- {check}" for check in CHECKS))
            return
        runs = Run.objects.filter(pk=_run(options["run"]).pk) if options["run"] else None
        found = examine(runs, repair=options["repair"])
        for finding in found.findings:
            self.stdout.write(finding.sentence)
        looked = f"{counted(len(found.checks), 'check')} of {counted(found.runs, 'run')}"
        if not found.left:
            mended = f", {len(found.findings)} repaired" if found.findings else ""
            self.stdout.write(f"{looked}: all is well{mended}.")
            return
        safe = sum(finding.repair is not None for finding in found.left)
        hint = f" {safe} can be repaired: add --repair." if safe and not options["repair"] else ""
        raise CommandError(f"{looked}: {len(found.left)} of what was found is left.{hint}")


def _run(number: int) -> Run:
    run = Run.objects.filter(pk=number).first()
    if run is None:
        raise CommandError(f"There is no run {number}. Its number stands in the address of its page.")
    return run
