"""The whole application for a browser: a real uvicorn with sockets, on the test's database and the tests' Redis."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django.db import connection
from pytest_django.fixtures import Settings


def elsewhere(deed: Callable[[], object]) -> None:
    """Does it as a worker would: in a thread of its own, where no loop runs."""

    def done() -> None:
        deed()
        connection.close()

    with ThreadPoolExecutor(1) as worker:
        worker.submit(done).result()


@pytest.fixture
def server(transactional_db: None, redis_url: str, settings: Settings) -> Iterator[str]:
    """Its address; what the test sends to sockets goes through the same Redis."""
    layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [redis_url]}}
    settings.CHANNEL_LAYERS = {"default": layer}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "project.asgi:application", "--port", str(port)]
    environment = {**os.environ, "DATABASE_URL": _database_url(), "REDIS_URL": redis_url}
    with subprocess.Popen([*command, "--log-level", "warning"], env=environment) as uvicorn:
        address = f"http://127.0.0.1:{port}"
        _wait_until(lambda: _answers(address), uvicorn)
        yield address
        uvicorn.terminate()


def _database_url() -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    return f"postgresql://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


def _wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while not ready():
        assert process.poll() is None, "the process ended before it was ready"
        assert time.monotonic() < deadline, "the process was not ready within 90 s"
        time.sleep(0.05)


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/health/"):
            return True
    except URLError as error:
        return hasattr(error, "code")
