"""`manage.py rehearsal_colleagues`: the workspaces' rehearsal colleagues go to work."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from optimization.rehearsal import NOTICE
from optimization.rehearsal.annotator import TokenRefused, work_together
from optimization.rehearsal.colleague import Persona
from workers.colleagues import colleagues_at_hand


class Command(BaseCommand):
    help = f"Let the rehearsal colleagues of every workspace judge what is put to them ({NOTICE})."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--base-url",
            default=os.environ.get("HANDGRAD_URL", "http://127.0.0.1:8000"),
            help="where Handgrad answers (HANDGRAD_URL)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        colleagues = colleagues_at_hand()
        connections.close_all()
        if not colleagues:
            raise CommandError("No workspace has rehearsal colleagues; `manage.py up` makes two.")
        try:
            asyncio.run(self._work(options["base_url"], colleagues))
        except TokenRefused as error:
            raise CommandError(str(error)) from None
        except (asyncio.CancelledError, KeyboardInterrupt):
            self.stdout.write("The colleagues have gone home.")

    async def _work(self, base_url: str, colleagues: list[tuple[Persona, str]]) -> None:
        working = asyncio.current_task()
        assert working is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
        await work_together(base_url, colleagues, self._tell)

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
