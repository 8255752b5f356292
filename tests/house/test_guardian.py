"""Nothing outlives the supervisor, not even where it is killed outright."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.house.waiting import is_alive, wait_until
from workers.supervisor.guardian import Guardian

A_SUPERVISOR = """
import asyncio, sys
from workers.supervisor.child import Child
from workers.supervisor.guardian import Guardian
from workers.supervisor.log import StackLog

FAMILY = '''
import os, subprocess, sys, time
print(os.getpid(), flush=True)
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(sleeper.pid, flush=True)
time.sleep(600)
'''
asyncio.run(Child("a", [sys.executable, "-c", FAMILY], {}, StackLog(["a"]), Guardian()).keep_running())
"""


def test_a_killed_supervisor_takes_its_children_and_theirs_with_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", A_SUPERVISOR], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        family = [int(supervisor.stdout.readline().split("│")[1]) for _ in range(2)]
        assert all(is_alive(pid) for pid in family)

        supervisor.kill()

        wait_until(lambda: not any(is_alive(pid) for pid in family))


DIES_WHILE_STARTING = """
import subprocess, sys
from workers.supervisor.guardian import Guardian
guardian = Guardian()
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
for _ in range(5):
    child = subprocess.Popen(
        guardian.starting(sleeper, guardian.pipe), pass_fds=(guardian.pipe,), start_new_session=True
    )
    print(child.pid, flush=True)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_child_that_was_only_being_started_when_the_supervisor_was_killed_ends_too() -> None:
    died = subprocess.run([sys.executable, "-c", DIES_WHILE_STARTING], stdout=subprocess.PIPE, text=True)
    children = [int(pid) for pid in died.stdout.split()]

    assert len(children) == 5
    wait_until(lambda: not any(is_alive(pid) for pid in children))


@pytest.fixture
def guardian() -> Guardian:
    return Guardian()


@pytest.fixture
def child(guardian: Guardian) -> Iterator[subprocess.Popen[str]]:
    """A child that the guardian knows."""
    sleeper = [sys.executable, "-uc", "import time; print('here'); time.sleep(600)"]
    with subprocess.Popen(
        guardian.starting(sleeper, guardian.pipe),
        pass_fds=(guardian.pipe,),
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        guardian.note(child.pid)
        assert child.stdout.readline() == "here\n"
        yield child
        child.kill()


def test_a_group_that_was_forgotten_is_left_alone(guardian: Guardian, child: subprocess.Popen[str]) -> None:
    guardian.forget(child.pid)
    guardian.close()

    assert child.poll() is None


def test_a_guardian_that_was_killed_is_replaced_and_watches_the_same_groups(
    guardian: Guardian, child: subprocess.Popen[str]
) -> None:
    os.kill(guardian.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(guardian.pid))
    guardian.forget(999_999_999)
    with ThreadPoolExecutor() as reaper:
        ended = reaper.submit(child.wait)
        guardian.close()

    assert ended.result() == -signal.SIGTERM
