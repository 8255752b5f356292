"""A deployment for the benchmarks: a database of its own on a PostgreSQL server, Redis, and the workers of `manage.py up`.

It is made before Django is set up, because Django reads where its database is from the environment.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import django
import psycopg

from workers.supervisor.broker import resolve_broker, wait_until_redis_answers
from workers.supervisor.processes import CONTROL, LLM, SWEEPER, Process

SERVER = "postgresql://postgres@127.0.0.1:5432/postgres"
LLM_WORKERS = 2


@contextmanager
def own_database() -> Iterator[str]:
    """The address of a fresh database on the server of DATABASE_URL, gone afterwards."""
    server = os.environ.get("DATABASE_URL", SERVER)
    name = f"handgrad_benchmark_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def deployment() -> Iterator[Path]:
    """Everything but the workers, in this process's environment; yields its folder."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="handgrad-benchmark-")))
        os.environ["DATABASE_URL"] = stack.enter_context(own_database())
        broker = resolve_broker(folder / "redis", {})
        assert broker.process is not None
        stack.enter_context(_running(broker.process.command_line(), folder / "redis.log"))
        asyncio.run(wait_until_redis_answers(broker.url))
        os.environ |= {
            "REDIS_URL": broker.url,
            "HANDGRAD_DATA": str(folder),
            "HANDGRAD_LLM_WORKERS": str(LLM_WORKERS),
            "DJANGO_SETTINGS_MODULE": "project.settings",
        }
        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        connections.close_all()
        yield folder
        connections.close_all()


@contextmanager
def workers(folder: Path) -> Iterator[None]:
    """The control worker, two LLM processes and the sweeper, as `manage.py up` starts them."""
    with ExitStack() as stack:
        for process in (CONTROL, LLM, SWEEPER):
            stack.enter_context(_running(_command(process), folder / f"{process.name}.log"))
        yield


def _command(process: Process) -> list[str]:
    return process.command_line(llm_workers=LLM_WORKERS)


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
