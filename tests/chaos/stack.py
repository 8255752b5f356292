"""Real processes around the test's database: Redis, Celery workers that may be told where to die, a sweeper."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from django.db import connection

from tests.house.waiting import wait_until
from workers.supervisor.broker import resolve_broker, wait_until_redis_answers

QUICK = {
    "HANDGRAD_LEASE_SECONDS": "5",
    "HANDGRAD_HEARTBEAT_SECONDS": "1",
    "HANDGRAD_SWEEP_SECONDS": "0.3",
}


def database_url() -> str:
    """The address of the database that this test writes to."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    return f"postgresql://{config['USER']}@{config['HOST']}:{config['PORT'] or 5432}/{config['NAME']}"


class ChaosStack:
    """The processes of one test. Leases are short, so that what a dead worker held comes back soon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = resolve_broker(folder / "redis", {})
        self.log = (folder / "stack.log").open("ab")
        self.environment = {
            **os.environ,
            **QUICK,
            "DATABASE_URL": database_url(),
            "REDIS_URL": self.broker.url,
            "HANDGRAD_DATA": str(folder),
        }
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.start_redis()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.kill()
        for child in self._children:
            child.wait()
        self.log.close()

    def start_redis(self) -> subprocess.Popen[bytes]:
        assert self.broker.process is not None
        child = self._start(self.broker.process.command_line())
        asyncio.run(wait_until_redis_answers(self.broker.url))
        return child

    def start_worker(self, fault: str = "") -> subprocess.Popen[bytes]:
        """A worker for every queue, in one process, so that its death is the whole worker's."""
        command = [sys.executable, "-m", "celery", "--app", "project", "worker", "--pool", "solo"]
        command += ["--queues", "control,llm", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        return self._start(command, HANDGRAD_FAULT=fault)

    def start_sweeper(self) -> subprocess.Popen[bytes]:
        return self._start([sys.executable, "manage.py", "sweeper"])

    def _start(self, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            command, env={**self.environment, **environment}, stdout=self.log, stderr=subprocess.STDOUT
        )
        self._children.append(child)
        return child

    def read_log(self) -> str:
        return (self.folder / "stack.log").read_text(errors="replace")


def dies(worker: subprocess.Popen[bytes], seconds: float = 180) -> None:
    """Wait until the worker was killed at its fault point."""
    wait_until(lambda: worker.poll() is not None, seconds)
    assert worker.returncode == -signal.SIGKILL, f"the worker ended by itself, with {worker.returncode}"
