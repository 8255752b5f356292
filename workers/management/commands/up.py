"""`manage.py up`: start all of Handgrad on this machine, and stop it on Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from optimization.accounts.bootstrap import SignIn, bootstrap_workspace
from project.celery import app as celery_app
from project.settings import celery_broker
from workers.pulse import ask_for_pulses, pulses
from workers.stopping import under_way
from workers.supervisor import processes
from workers.supervisor.broker import NoBroker, resolve_broker
from workers.supervisor.lock import AlreadyRunning, data_folder_lock
from workers.supervisor.ports import PortTaken, asked_listener, kept_listener, web_listener
from workers.supervisor.readiness import wait_until_answers
from workers.supervisor.stack import Plan, Stack
from workers.supervisor.watch import Watch
from workers.supervisor.welcome import welcome

USUAL_PORT = 8000
USUAL_REHEARSAL_PORT = 8010
LOCAL = "127.0.0.1"


class Command(BaseCommand):
    requires_system_checks = []
    help = "Start Handgrad on this machine: web, workers, sweeper, Redis where there is none. Ctrl-C stops it all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=LOCAL, help=f"the address to listen on (default {LOCAL})")
        parser.add_argument(
            "--port", type=int, help=f"0: any (default {USUAL_PORT}, or the next that is free)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with data_folder_lock(settings.DATA_DIR) as note_address:
                listener = web_listener(options["host"], options["port"], USUAL_PORT)
                port = listener.getsockname()[1]
                plan = make_plan(options["host"], listener)
                sign_ins = self._prepare_database()
                address = plan.environment["HANDGRAD_URL"]

                def announce() -> None:
                    note_address(address)
                    self.stdout.write(welcome(address, sign_ins, str(settings.DATA_DIR)))
                    self.stdout.flush()

                reachable = LOCAL if options["host"] in {"0.0.0.0", "::"} else options["host"]
                watch = Watch(
                    [process.name for process in plan.processes if process.is_worker],
                    every=settings.LIVENESS_SECONDS,
                    heartbeat=settings.HEARTBEAT_SECONDS,
                    ask=ask_for_pulses,
                    read=pulses,
                )
                stack = Stack(
                    plan,
                    lambda: wait_until_answers(reachable, port),
                    announce,
                    watch=watch,
                    under_way=under_way,
                )
                celery_app.conf.update(
                    broker_url=os.environ.get("CELERY_BROKER_URL") or celery_broker(plan.broker.url)
                )
                asyncio.run(stack.run())
        except (AlreadyRunning, NoBroker, PortTaken) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped before anything was started.") from None

    def _prepare_database(self) -> list[SignIn]:
        self.stdout.write("Bringing the database up to date…")
        call_command("migrate", verbosity=0, interactive=False)
        sign_ins = bootstrap_workspace()
        connections.close_all()
        return sign_ins


def model_listener(address: str | None) -> socket.socket | None:
    """Where the rehearsal endpoint of this start listens: at the address named for it, else at a port that is kept.

    None where it is not this machine's to start: switched off, or named elsewhere. Raises PortTaken.
    """
    if not settings.REHEARSAL:
        return None
    if not address:
        return kept_listener(settings.DATA_DIR / "rehearsal.port", LOCAL, USUAL_REHEARSAL_PORT)
    named = urlsplit(address)
    if named.hostname not in {LOCAL, "localhost"}:
        return None
    other = "name another address in HANDGRAD_REHEARSAL_URL, or none, and a free port is taken"
    return asked_listener(LOCAL, named.port or 80, other)


def make_plan(host: str, listener: socket.socket) -> Plan:
    """Everything that runs on one machine, and what each process is told of the others."""
    broker = resolve_broker(settings.DATA_DIR / "redis", os.environ)
    named = os.environ.get("HANDGRAD_REHEARSAL_URL")
    model = model_listener(named)
    if model and not named:
        # The endpoint that `bootstrap_workspace` makes in this very process has to have the address, too.
        settings.REHEARSAL_URL = f"http://{LOCAL}:{model.getsockname()[1]}/v1"
    shown_host = LOCAL if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host
    installs = settings.POLICIES == "install"
    return Plan(
        broker=broker,
        web=processes.WEB,
        listeners={"web": listener} | ({"model": model} if model else {}),
        others=(
            *(processes.CONTROL, processes.LLM, processes.SWEEPER, processes.BEAT),
            *((processes.REHEARSAL_ENDPOINT,) if model else ()),
            *((processes.REHEARSAL_COLLEAGUES,) if settings.REHEARSAL else ()),
        ),
        installer=processes.INSTALL_POLICIES if installs else None,
        after_installation=(processes.GPU,) if installs else (),
        values={
            "listen": ("--fd", str(listener.fileno())),
            "model_listen": ("--fd", str(model.fileno())) if model else (),
            "llm_workers": settings.LLM_WORKERS,
            "data": str(settings.DATA_DIR),
        },
        environment=os.environ
        | {
            "PYTHONUNBUFFERED": "1",
            "REDIS_URL": broker.url,
            "HANDGRAD_URL": f"http://{shown_host}:{listener.getsockname()[1]}",
            "HANDGRAD_REHEARSAL_URL": settings.REHEARSAL_URL,
            "HANDGRAD_DATA": str(settings.DATA_DIR),
        },
    )
