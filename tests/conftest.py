"""What every test starts from: a cheap password hash, Chromium's arguments, a Redis child, and no silent skips in CI."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import pytest
from django.conf import settings
from hypothesis import settings as hypothesis
from pytest_django.fixtures import Settings

from project.celery import app as celery_app
from tests.chaos import counts
from workers import nudges
from workers.supervisor.broker import resolve_broker, wait_until_redis_answers

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "there is no `chromium` on the PATH; to run the browser tests: sudo apt-get install chromium"
# Set where nothing may be left out (.ci/run).
NOTHING_MAY_BE_SKIPPED = "HANDGRAD_CI" in os.environ

hypothesis.register_profile("handgrad", deadline=None)  # a busy machine is no failure
hypothesis.load_profile("handgrad")


def pytest_configure() -> None:
    """Nudges and notices of this process stay in it: a test that wants a broker or sockets starts its own."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    celery_app.conf.broker_url = "memory://"
    nudges.send_by_thread = lambda: None  # a test that imports project.asgi asks for it


@pytest.fixture(autouse=True)
def cheap_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Debian's Chromium, driven by Playwright; the flags are what it needs in a container."""
    return {
        "executable_path": CHROMIUM,
        "headless": True,
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-dev-shm-usage",
        ],
    }


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of the tests' own, which they may flush and kill."""
    folder = tmp_path_factory.mktemp("redis")
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    broker = resolve_broker(folder, environment)
    assert broker.process is not None
    with subprocess.Popen(broker.process.command_line()) as server:
        try:
            _in_a_thread(lambda: asyncio.run(wait_until_redis_answers(broker.url)))
            yield broker.url
        finally:
            server.terminate()


def _in_a_thread(deed: Callable[[], object]) -> None:
    """In this one Playwright may have left its loop running."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(deed).result()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts.report(counts.rows_of(chain.from_iterable(terminalreporter.stats.values())))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test that was skipped has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if NOTHING_MAY_BE_SKIPPED and skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line(f"{skipped} skipped, and in CI nothing may be: each must run or go.", red=True)
