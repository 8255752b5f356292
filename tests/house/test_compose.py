"""docker-compose.yml runs what the supervisor's table says, word for word."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from django.conf import settings

from workers.supervisor.processes import PROCESSES, Process

IN_CONTAINERS = [process for process in PROCESSES if process.in_containers]
# What a container knows in place of a start on one machine.
VALUES = {"listen": ("--host", "0.0.0.0", "--port", "8000"), "data": "/data", "llm_workers": 2}
COMPOSE: dict[str, Any] = yaml.safe_load((settings.BASE_DIR / "docker-compose.yml").read_text())


def with_defaults(word: str) -> str:
    """`${NAME:-default}` as compose reads it where nothing is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word)


@pytest.mark.parametrize("process", IN_CONTAINERS, ids=lambda process: process.name)
def test_a_service_runs_the_command_of_its_process(process: Process) -> None:
    command = [with_defaults(word) for word in COMPOSE["services"][process.name]["command"]]

    assert command == ["python", *process.command_line(**VALUES)[1:]]


@pytest.mark.parametrize("process", IN_CONTAINERS, ids=lambda process: process.name)
def test_a_service_has_the_environment_of_its_process(process: Process) -> None:
    environment = COMPOSE["services"][process.name]["environment"]

    assert process.environment.items() <= environment.items()


def test_every_service_but_the_stores_and_the_migration_is_a_process_of_the_table() -> None:
    others = {"postgres", "redis", "migrate"}

    assert set(COMPOSE["services"]) - others == {process.name for process in IN_CONTAINERS}


def test_every_queue_that_a_task_is_sent_to_has_a_worker() -> None:
    served = {name for process in IN_CONTAINERS for name in process.command if "--queues" in process.command}
    queues = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}

    assert queues | {settings.CELERY_TASK_DEFAULT_QUEUE} <= served
