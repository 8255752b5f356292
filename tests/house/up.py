"""A real `manage.py up` on a data folder of its own, and what it prints."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
from django.conf import settings

from tests.house.waiting import wait_until


class Up:
    """A running `manage.py up` and what it has printed so far."""

    def __init__(self, data: Path, **environment: str) -> None:
        # No child may reach what the tests' own environment names.
        kept = {
            name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "DATABASE_URL"}
        }
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", "0"],
            cwd=settings.BASE_DIR,
            env=kept | {"HANDGRAD_DATA": str(data), "HANDGRAD_POLICIES": "off"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.printed = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.printed += line

    def wait_for(self, pattern: str) -> re.Match[str]:
        wait_until(
            lambda: re.search(pattern, self.printed, re.M) or self.process.poll() is not None, seconds=60
        )
        found = re.search(pattern, self.printed, re.M)
        assert found, self.printed
        return found

    @property
    def address(self) -> str:
        return self.wait_for(r"^Handgrad is at  (http://127\.0\.0\.1:\d+)$")[1]

    def password(self, role: str) -> str:
        return self.wait_for(rf"^    {role} +(\S+)$")[1]

    def family(self) -> list[int]:
        """Every process below it, the guardian too."""
        return [process.pid for process in psutil.Process(self.process.pid).children(recursive=True)]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=40)
