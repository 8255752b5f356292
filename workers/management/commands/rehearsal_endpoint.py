"""`manage.py rehearsal_endpoint`: serve the rehearsal endpoint."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from optimization.rehearsal import MODEL, NOTICE
from optimization.rehearsal.endpoint import Options, serve
from optimization.rehearsal.faults import KINDS, FaultPlan, FaultPlanError

_FAULTS = "; ".join(f"{kind}: {meaning}" for kind, meaning in KINDS.items())


class Command(BaseCommand):
    help = f"Serve an OpenAI-compatible endpoint whose model is the {NOTICE}."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8010)
        parser.add_argument("--key", default="", help="the API key to ask for; none by default")
        parser.add_argument("--latency-ms", type=float, default=0, help="milliseconds that each call takes")
        parser.add_argument("--concurrency", type=int, help="calls served at once; all by default")
        parser.add_argument(
            "--faults",
            default="",
            help=f"a plan such as '429*2,ok,hang' or '500@0.1,429=0.5@0.05'. {_FAULTS}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            FaultPlan.parse(options["faults"])
        except FaultPlanError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{NOTICE}: model {MODEL!r} at http://{options['host']}:{options['port']}/v1")
        serve(
            options["host"],
            options["port"],
            Options(options["latency_ms"] / 1000, options["concurrency"], options["key"], options["faults"]),
        )
