"""Every process of Handgrad and its command line. docker-compose.yml mirrors this table; a test compares them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Stage(IntEnum):
    """Stopping goes from the last stage to the first: what makes work stops before what does it."""

    BROKER = 0
    MODEL = 1
    WORKER = 2
    FRONT = 3


@dataclass(frozen=True)
class Process:
    """One command. `{data}` and the like stand for what is known at the start alone; for several words, where so."""

    name: str
    command: tuple[str, ...]
    stage: Stage
    environment: Mapping[str, str] = field(default_factory=dict)
    in_containers: bool = True

    @property
    def is_worker(self) -> bool:
        """Whether it is one of Celery's, which consumes the queue of its name."""
        return "--queues" in self.command

    def command_line(self, **values: str | int | tuple[str, ...]) -> list[str]:
        """The command with `values` in their places, under this very interpreter."""
        line: list[str] = []
        for part in self.command:
            value = values.get(part.strip("{}"))
            line += value if isinstance(value, tuple) else [part.format(**values)]
        return [sys.executable if word == "python" else word for word in line]


def _worker(queue: str, processes: str) -> Process:
    return Process(
        queue,
        (
            *("python", "-m", "celery", "--app", "project", "--quiet", "worker"),
            *("--queues", queue, "--concurrency", processes, "--hostname", f"{queue}@%h"),
            # Mingling costs a second at the start, gossip raises when Redis comes back; neither is needed.
            *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
        ),
        Stage.WORKER,
        # TERM then lets the running tasks end or hand over, and puts the rest back into the queue.
        environment={"REMAP_SIGTERM": "SIGQUIT"},
    )


WEB = Process(
    "web",
    (
        *("python", "-m", "uvicorn", "project.asgi:application", "{listen}"),
        *("--lifespan", "off", "--no-access-log", "--timeout-graceful-shutdown", "3"),
    ),
    Stage.FRONT,
)
CONTROL = _worker("control", processes="1")
LLM = _worker("llm", processes="{llm_workers}")
GPU = _worker("gpu", processes="1")
SWEEPER = Process("sweeper", ("python", "manage.py", "sweeper"), Stage.FRONT)
BEAT = Process(
    "beat",
    (
        *("python", "-m", "celery", "--app", "project", "--quiet", "beat"),
        *("--schedule", "{data}/beat-schedule", "--loglevel", "WARNING"),
    ),
    Stage.FRONT,
)
REHEARSAL_ENDPOINT = Process(
    "model",
    ("python", "manage.py", "rehearsal_endpoint", "{model_listen}"),
    Stage.MODEL,
    in_containers=False,
)
REHEARSAL_COLLEAGUES = Process(
    "colleagues", ("python", "manage.py", "rehearsal_colleagues"), Stage.FRONT, in_containers=False
)
INSTALL_POLICIES = Process(
    "install", ("python", "manage.py", "install_policies"), Stage.FRONT, in_containers=False
)

PROCESSES = (
    *(WEB, CONTROL, LLM, GPU, SWEEPER, BEAT),
    *(REHEARSAL_ENDPOINT, REHEARSAL_COLLEAGUES, INSTALL_POLICIES),
)
