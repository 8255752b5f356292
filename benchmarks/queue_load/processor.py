"""Who spends the processor: the load itself, the web processes, the backends of the database, the whole machine (Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Processor:
    """Seconds of processor time. `machine` is everybody's, what has nothing to do with the run too."""

    load: float = 0.0
    web: float = 0.0
    database: float = 0.0
    machine: float = 0.0


@contextmanager
def processor_time(server: int, database_url: str) -> Iterator[Processor]:
    """What is spent while it is open. Backends that end meanwhile are not counted."""
    spent = Processor()
    load, web, database, machine = _seconds(os.getpid()), _web(server), _backends(database_url), _machine()
    yield spent
    spent.load = _seconds(os.getpid()) - load
    spent.web = _web(server) - web
    spent.database = sum(
        seconds - database.get(process, 0.0) for process, seconds in _backends(database_url).items()
    )
    spent.machine = _machine() - machine


def _web(server: int) -> float:
    return sum(_seconds(process) for process in [server, *_children(server)])


def _backends(database_url: str) -> dict[int, float]:
    """Of PostgreSQL on this machine; none of SQLite, which works within the web process."""
    if database_url.startswith("sqlite"):
        return {}
    import psycopg

    name = database_url.rpartition("/")[2]
    with psycopg.connect(database_url.replace(name, "postgres")) as admin:
        rows = admin.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [name]).fetchall()
    return {process: _seconds(process) for (process,) in rows}


def _children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [child for each in map(int, listed) for child in (each, *_children(each))]


def _seconds(process: int) -> float:
    """User and system time of a process; of none that has ended, or of another machine."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _machine() -> float:
    user, nice, system = Path("/proc/stat").read_text().split(maxsplit=4)[1:4]
    return (int(user) + int(nice) + int(system)) / TICKS
