"""Real processes around the test's database: Redis, Celery workers that may be told where to die, sweepers, beat."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import Any, Self

from django.db import connection

from tests.house.waiting import wait_until
from workers.supervisor.broker import resolve_broker, wait_until_redis_answers

# So that what a dead worker held comes back soon.
QUICK = {
    "HANDGRAD_LEASE_SECONDS": "1.5",
    "HANDGRAD_HEARTBEAT_SECONDS": "0.3",
    "HANDGRAD_SWEEP_SECONDS": "0.2",
}
PRODUCTION = dict.fromkeys(QUICK, "")


def database_url() -> str:
    """The address of the database that this test writes to."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    return f"postgresql://{config['USER']}@{config['HOST']}:{config['PORT'] or 5432}/{config['NAME']}"


class Child:
    """A process of the arena's. `ended` is None while it lives, then its exit code, negative for a signal."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: int | None = None

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send the signal, and wait for the end."""
        if self.ended is None:
            os.kill(self.pid, number)
            wait_until(lambda: self.ended is not None)


class Arena:
    """The processes of one test, gone with it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.broker = resolve_broker(folder / "redis", {})
        self.log = (folder / "arena.log").open("ab")
        changed = {
            **QUICK,
            "DATABASE_URL": database_url(),
            "REDIS_URL": self.broker.url,
            "HANDGRAD_DATA": str(folder),
            **environment,
        }
        self.environment = {name: value for name, value in {**os.environ, **changed}.items() if value}
        self.redis: subprocess.Popen[bytes] | None = None
        self.children: dict[int, Child] = {}
        self._born: Queue[int] = Queue()

    def __enter__(self) -> Self:
        self.start_redis()
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._nursery.kill()
        self._nursery.wait()
        self._reader.join()
        self.stop_redis()
        self.log.close()

    def start_redis(self) -> None:
        assert self.broker.process is not None
        self.redis = subprocess.Popen(
            self.broker.process.command_line(), stdout=self.log, stderr=subprocess.STDOUT
        )
        asyncio.run(wait_until_redis_answers(self.broker.url))

    def stop_redis(self) -> None:
        """Kill Redis, as the kernel would."""
        if self.redis is not None:
            self.redis.kill()
            self.redis.wait()
            self.redis = None

    def start_worker(self, fault: str = "", clock: float = 0.0, pool: str = "solo") -> Child:
        """A worker that dies at `fault` (`name:hit`), and whose clock is wrong by so many seconds.

        It is one process, so that its death is the whole worker's; with the pool `prefork` its work is done in a second
        one, as in production.
        """
        return self.start("worker", fault=fault, clock=clock, pool=pool)

    def start_sweeper(self) -> Child:
        return self.start("sweeper")

    def start(self, role: str, **order: Any) -> Child:
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps({"role": role, **order}) + "\n")
        self._nursery.stdin.flush()
        return self.children[self._born.get(timeout=180)]

    def _read(self) -> None:
        """What the nursery says; a child may have died before its birth is told."""
        assert self._nursery.stdout is not None
        for line in self._nursery.stdout:
            word, pid, *code = json.loads(line)
            child = self.children.setdefault(pid, Child(pid))
            if word == "born":
                self._born.put(pid)
            else:
                child.ended = code[0]

    def read_log(self) -> str:
        return (self.folder / "arena.log").read_text(errors="replace")


def dies(worker: Child, seconds: float = 60, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Wait until the worker was killed at its fault point, doing something `meanwhile`."""
    wait_until(lambda: meanwhile() or worker.ended is not None, seconds)
    assert worker.ended == -signal.SIGKILL, f"the worker ended by itself, with {worker.ended}"
