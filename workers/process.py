"""What each worker process makes once: an event loop, a writing thread and clients that outlive the task.

The loop has hundreds of calls in the air, and whatever holds the interpreter keeps all of them waiting.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from dataclasses import dataclass, field
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown

from optimization.runs.work.endpoints import EndpointPool
from optimization.runs.work.writer import Writer

# How long the loop waits for the thread that stores, which it shares the interpreter with; Python's default is 5 ms.
SWITCH_SECONDS = 0.0005
# How many objects more there are before garbage is looked for. At Python's 700 that took 4% of a worker's time.
GARBAGE_EVERY = 5_000


@worker_process_init.connect
def _make_room_for_the_loop(**_: Any) -> None:
    """What was imported stays for good: to look through it for garbage took 0.2 s each time."""
    gc.freeze()
    gc.set_threshold(GARBAGE_EVERY)
    sys.setswitchinterval(SWITCH_SECONDS)


@dataclass
class Process:
    """One a PID: a forked child makes its own and never touches its parent's."""

    pid: int = field(default_factory=os.getpid)
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    writer: Writer = field(default_factory=Writer)
    endpoints: EndpointPool = field(init=False)

    def __post_init__(self) -> None:
        self.endpoints = EndpointPool(self.writer)

    def close(self) -> None:
        self.runner.run(self.endpoints.close())
        self.runner.close()
        self.writer.close()


_process: Process | None = None


def current_process() -> Process:
    global _process
    if _process is None or _process.pid != os.getpid():
        _process = Process()
    return _process


@worker_process_shutdown.connect
def _close(**_: Any) -> None:
    if _process is not None and _process.pid == os.getpid():
        _process.close()
