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


class Server:
    """A uvicorn that can be killed and started again at the same address."""

    def __init__(self, redis_url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = {**os.environ, "DATABASE_URL": _database_url(), "REDIS_URL": redis_url}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "project.asgi:application", "--port", str(self.port)]
        self._process = subprocess.Popen([*command, "--log-level", "warning"], env=self._environment)
        _wait_until(lambda: _answers(self.address), self._process)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def uvicorn(transactional_db: None, redis_url: str, settings: Settings) -> Iterator[Server]:
    """Running; what the test sends to sockets goes through the same Redis."""
    layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [redis_url]}}
    settings.CHANNEL_LAYERS = {"default": layer}
    server = Server(redis_url)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(uvicorn: Server) -> str:
    """Its address."""
    return uvicorn.address


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
