"""One process of the stack: its lines, its restarts, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from tests.house.waiting import is_alive, wait_until_async
from workers.supervisor import child as child_module
from workers.supervisor.child import Child
from workers.supervisor.guardian import Guardian
from workers.supervisor.log import StackLog


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    guardian = Guardian()
    yield guardian
    guardian.close()


@pytest.fixture
def output() -> StringIO:
    return StringIO()


@pytest.fixture
def make_child(guardian: Guardian, output: StringIO):
    def make(program: str) -> Child:
        log = StackLog(["teller"], output)
        return Child("teller", [sys.executable, "-uc", program], os.environ, log, guardian)

    return make


PARENT_OF_A_SLEEPER = """
import pathlib, subprocess, sys, time
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({path!r}).write_text(str(sleeper.pid))
time.sleep(600)
"""


async def test_every_line_reaches_the_log_behind_the_name_of_its_process(make_child, output):
    code = await make_child("print('one'); print('two', end='')").run_once()

    assert code == 0
    assert output.getvalue().splitlines() == ["teller │ one", "teller │ two"]


async def test_a_line_of_a_megabyte_is_passed_on_whole(make_child, output):
    await make_child("print('x' * 2**20)").run_once()

    assert output.getvalue() == "teller │ " + "x" * 2**20 + "\n"


async def test_what_dies_is_started_again_and_the_log_says_why(make_child, output, monkeypatch):
    monkeypatch.setattr(child_module, "FIRST_WAIT", 0.01)
    child = make_child("import time; print('here'); time.sleep(600)")
    running = asyncio.create_task(child.keep_running())
    await wait_until_async(lambda: "here" in output.getvalue())

    os.kill(child.pid, signal.SIGKILL)
    await wait_until_async(lambda: output.getvalue().count("here") == 2)
    await child.stop()
    await running

    assert "teller was ended by SIGKILL; starting it again in 0.01 s" in output.getvalue()


async def test_what_dies_at_once_waits_longer_each_time(make_child, output, monkeypatch):
    monkeypatch.setattr(child_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(child_module, "LONGEST_WAIT", 0.04)
    child = make_child("raise SystemExit(3)")
    running = asyncio.create_task(child.keep_running())
    await wait_until_async(lambda: child.restarts >= 4)
    await child.stop()
    await running

    waits = [line.split(" in ")[1] for line in output.getvalue().splitlines()[:4]]
    assert waits == ["0.01 s", "0.02 s", "0.04 s", "0.04 s"]
    assert "teller ended with code 3" in output.getvalue()


async def test_stopping_ends_what_the_process_had_started_too(make_child, tmp_path: Path):
    noted = tmp_path / "sleeper"
    child = make_child(PARENT_OF_A_SLEEPER.format(path=str(noted)))
    running = asyncio.create_task(child.keep_running())
    await wait_until_async(lambda: noted.exists() and noted.read_text())
    sleeper = int(noted.read_text())

    await child.stop()
    await running

    assert child.pid is None
    await wait_until_async(lambda: not is_alive(sleeper))


async def test_what_a_dead_process_had_started_ends_before_it_is_started_again(make_child, tmp_path: Path):
    noted = tmp_path / "sleeper"
    child = make_child(PARENT_OF_A_SLEEPER.format(path=str(noted)))
    running = asyncio.create_task(child.keep_running())
    await wait_until_async(lambda: noted.exists() and noted.read_text())
    first = int(noted.read_text())
    noted.unlink()

    os.kill(child.pid, signal.SIGKILL)
    await wait_until_async(lambda: noted.exists() and noted.read_text())

    assert not is_alive(first)
    await child.stop()
    await running


async def test_what_will_not_end_is_killed_after_the_grace(make_child, output):
    child = make_child(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(600)"
    )
    running = asyncio.create_task(child.keep_running())
    await wait_until_async(lambda: "deaf" in output.getvalue())

    await child.stop(grace=0.2)
    await running

    assert "teller has not ended after 0.2 s: killing it" in output.getvalue()


async def test_a_stop_that_comes_while_the_process_is_being_started_ends_it(make_child):
    child = make_child("import time; time.sleep(600)")
    running = asyncio.create_task(child.keep_running())
    await asyncio.sleep(0)

    await child.stop()
    await asyncio.wait_for(running, 10)

    assert child.pid is None


async def test_a_program_that_is_not_there_is_named_and_tried_again(guardian, output, monkeypatch):
    monkeypatch.setattr(child_module, "FIRST_WAIT", 0.01)
    child = Child("teller", ["/no/such/program"], os.environ, StackLog(["teller"], output), guardian)
    running = asyncio.create_task(child.keep_running())
    await wait_until_async(lambda: child.restarts >= 2)
    await child.stop()
    await running

    assert "teller │ /no/such/program cannot be started: No such file or directory" in output.getvalue()
