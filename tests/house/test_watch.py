"""A worker that has stopped consuming is started again, and a process that hangs is ended; nobody else is touched."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO

import pytest

from tests.house.waiting import is_alive, wait_until_async
from workers.pulse import Seen
from workers.supervisor.child import Child
from workers.supervisor.guardian import Guardian
from workers.supervisor.log import StackLog
from workers.supervisor.watch import Watch

EVERY = 0.05
POOL = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)
time.sleep(600)
"""


class Scene:
    """A worker that ends on nothing but KILL, with one process under it, and what is seen of both."""

    def __init__(self, guardian: Guardian) -> None:
        self.output = StringIO()
        self.log = StackLog(["llm"], self.output)
        self.child = Child("llm", [sys.executable, "-uc", POOL], os.environ, self.log, guardian)
        self.seen: list[Seen] = []
        self.asked = 0
        self.broken = False
        self.watch = Watch(
            ["llm", "gpu"],
            every=EVERY,
            heartbeat=0.05,
            ask=self.ask,
            read=lambda: self.seen,
            host="mill",
        )

    def ask(self, names: list[str], expires: float) -> None:
        assert names == ["llm"]
        self.asked += 1
        if self.broken:
            raise ConnectionError("no broker")

    def alive(self, doing: str = "", seconds: float = 0.0) -> None:
        self.seen = [Seen("llm@mill", self.pool, doing, seconds)]

    @property
    def pool(self) -> int:
        return int(self.output.getvalue().split("│")[1].split()[0])


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    guardian = Guardian()
    yield guardian
    guardian.close()


@pytest.fixture
async def scene(guardian: Guardian):
    scene = Scene(guardian)
    running = asyncio.create_task(scene.child.keep_running())
    await wait_until_async(lambda: "│" in scene.output.getvalue())
    scene.alive()
    watching = asyncio.create_task(scene.watch.look_after({"llm": scene.child}, scene.log))
    yield scene
    watching.cancel()
    scene.child.kill()
    with suppress(asyncio.CancelledError):
        await watching
    await running


async def test_who_gives_signs_is_left_alone(scene: Scene) -> None:
    await wait_until_async(lambda: scene.asked > 20)

    assert scene.child.restarts == 0
    assert is_alive(scene.pool)


async def test_a_worker_that_is_silent_is_started_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.supervisor.child.RESTART_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(Child.restart, "__defaults__", (0.1,))
    first = scene.child.pid
    scene.alive(seconds=1000)

    await wait_until_async(lambda: scene.child.restarts == 1 and scene.child.pid not in {None, first})

    assert "llm has taken nothing from its queue for 1000 s; starting it again" in scene.output.getvalue()
    assert not is_alive(scene.pool)


async def test_a_process_that_hangs_is_ended_and_its_worker_is_not(scene: Scene) -> None:
    worker, pool = scene.child.pid, scene.pool
    scene.seen = [
        Seen("llm@mill", pool, "forward of run 7", 61.0),
        Seen("llm@mill", worker or 0, "", 0.0),
        Seen("llm@other", os.getpid(), "forward of run 8", 900.0),
    ]

    await wait_until_async(lambda: "hangs (forward of run 7, not a sign for 61 s)" in scene.output.getvalue())

    assert scene.child.pid == worker
    assert scene.child.restarts == 0


async def test_nobody_is_blamed_for_a_broker_that_is_away(scene: Scene) -> None:
    scene.alive(seconds=1000)
    scene.broken = True
    until = time.monotonic() + 20 * EVERY
    await wait_until_async(lambda: time.monotonic() > until)

    assert scene.child.restarts == 0
    assert "Nobody can be asked for a sign of life: no broker" in scene.output.getvalue()


async def test_a_queue_that_another_machine_consumes_is_consumed(scene: Scene) -> None:
    scene.seen = [Seen("llm@mill", scene.pool, "", 1000), Seen("llm@other", scene.pool, "", 0.0)]
    before = scene.asked
    await wait_until_async(lambda: scene.asked > before + 20)

    assert scene.child.restarts == 0
