"""`manage.py sweeper`: look for due work, expired leases and runs to advance, every few seconds, until told to stop."""

from __future__ import annotations

import signal
import threading
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from workers.sweeper import sweep

log = structlog.get_logger()


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        log.info("sweeper_started", every_seconds=settings.SWEEP_SECONDS)
        while not stop.wait(settings.SWEEP_SECONDS):
            close_old_connections()
            try:
                sweep()
            except Exception as error:
                log.warning("sweep_failed", error=str(error))
