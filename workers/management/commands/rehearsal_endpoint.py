"""`manage.py rehearsal_endpoint`: serve the rehearsal endpoint."""

from __future__ import annotations

import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from optimization.rehearsal import MODEL, NOTICE
from optimization.rehearsal.endpoint import Options, serve
from optimization.rehearsal.faults import KINDS, FaultPlan, FaultPlanError
from workers.supervisor.ports import PortTaken, asked_listener

_FAULTS = "; ".join(f"{kind}: {meaning}" for kind, meaning in KINDS.items())


class Command(BaseCommand):
    help = f"Serve an OpenAI-compatible endpoint whose model is the {NOTICE}."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8010)
        parser.add_argument("--fd", type=int, help="a socket that listens already, in place of host and port")
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
            listener = _listener(options["host"], options["port"], options["fd"])
        except (FaultPlanError, PortTaken) as error:
            raise CommandError(str(error)) from None
        host, port = listener.getsockname()[:2]
        self.stdout.write(f"{NOTICE}: model {MODEL!r} at http://{host}:{port}/v1")
        serve(
            listener,
            Options(options["latency_ms"] / 1000, options["concurrency"], options["key"], options["faults"]),
        )


def _listener(host: str, port: int, fd: int | None) -> socket.socket:
    return (
        socket.socket(fileno=fd)
        if fd is not None
        else asked_listener(host, port, "or choose another: --port N")
    )
