"""The nursery: a process that has imported everything, and forks workers in milliseconds where starting one takes seconds.

    python -m tests.chaos.nursery        orders on the standard input, one JSON object a line; pids on the output

An order names a role (`ROLES`), the fault point to die at, and by how many seconds the child's clock is wrong. Each
child is a process of its own in all that matters: its database connections, loop, threads and clients are made after
the fork. When a child ends, the nursery says how; when the nursery ends, its children do.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import django
import time_machine
from celery import Celery
from django.core.management import call_command

PR_SET_PDEATHSIG = 1


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    from project.celery import app

    app.loader.import_default_modules()
    app.finalize()
    signal.signal(signal.SIGCHLD, lambda *_: _bury())
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            _live(order, app)
        _say("born", pid)


def _say(*words: object) -> None:
    os.write(1, f"{json.dumps(words)}\n".encode())


def _bury() -> None:
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _say("died", ended[0], os.waitstatus_to_exitcode(ended[1]))
    except ChildProcessError:
        pass


def _live(order: dict[str, Any], app: Celery) -> None:
    """The child's whole life."""
    from optimization.runs.engine.faults import arm

    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        if wrong := order.get("clock"):
            time_machine.travel(time.time() + wrong, tick=True).start()
        arm(order.get("fault", ""))
        ROLES[order["role"]](app, order)
        code = 0
    finally:
        os._exit(code)


def _worker(app: Celery, order: dict[str, Any]) -> None:
    """A worker for every queue."""
    worker = app.Worker(
        pool=order["pool"],
        concurrency=1,
        queues="control,llm",
        hostname=f"w{os.getpid()}@here",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
    )
    worker.start()


def _sweeper(app: Celery, order: dict[str, Any]) -> None:
    call_command("sweeper")


def _beat(app: Celery, order: dict[str, Any]) -> None:
    app.start(["beat", "--schedule", order["schedule"], "--loglevel", "WARNING"])


def _drive(app: Celery, order: dict[str, Any]) -> None:
    """One shard of a run's forward work, as a worker does it, without a message that asks for it."""
    from workers.tasks import forward

    forward.run(order["run"])


ROLES: dict[str, Callable[[Celery, dict[str, Any]], None]] = {
    "worker": _worker,
    "sweeper": _sweeper,
    "beat": _beat,
    "drive": _drive,
}


if __name__ == "__main__":
    main()
