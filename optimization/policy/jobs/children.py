"""A job's child process, however it is started: forked from a nursery, or by torchrun where there are several."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from asyncio.subprocess import PIPE
from dataclasses import dataclass, field
from pathlib import Path

import optimization
from optimization.policy.jobs.spec import JobFolder, Resources

ROOT = Path(optimization.__file__).parent.parent
CHILD = "optimization.policy.jobs.child"
NURSERY = "optimization.policy.jobs.nursery"
# torch must have been imported by then, on a machine that has much else to do.
START_SECONDS = 120.0


@dataclass
class Child:
    """`ended` becomes the exit code, negative for a signal."""

    pid: int
    ended: asyncio.Task[int]
    _hold: asyncio.StreamWriter = field(repr=False)

    def kill(self) -> None:
        """End the child and what it started, at once; it leads a session of its own."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        # What torchrun started leads sessions of its own, and ends with this.
        self._hold.close()


async def start_child(files: JobFolder, resources: Resources, environment: dict[str, str]) -> Child:
    """Begin the job in `files` in a process of its own, which ends when this one does."""
    whole = child_environment(resources) | environment
    if resources.processes > 1:
        return await _by_torchrun(files, resources.processes, whole)
    return await _from_nursery(files, whole)


async def _from_nursery(files: JobFolder, environment: dict[str, str]) -> Child:
    address = await asyncio.to_thread(_nursery.address)
    reader, writer = await asyncio.open_unix_connection(address)
    writer.write(json.dumps({"folder": str(files.path), "environment": environment}).encode() + b"\n")
    await writer.drain()
    pid = int(await reader.readline() or 0)

    async def ended() -> int:
        said = await reader.readline()
        return int(said) if said else -signal.SIGKILL

    return Child(pid, asyncio.create_task(ended()), writer)


async def _by_torchrun(files: JobFolder, processes: int, environment: dict[str, str]) -> Child:
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    with files.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, *torchrun, "-m", CHILD, str(files.path)],
            stdin=PIPE,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
    assert process.stdin is not None
    return Child(process.pid, asyncio.create_task(process.wait()), process.stdin)


def child_environment(resources: Resources) -> dict[str, str]:
    """What the child finds in its environment."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment["TOKENIZERS_PARALLELISM"] = "false"
    # Threads that wait for each other must not burn the processors that others need.
    environment["OMP_WAIT_POLICY"] = "PASSIVE"
    if resources.threads is not None:
        environment["OMP_NUM_THREADS"] = str(resources.threads)
    if resources.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    elif resources.device.startswith("cuda:"):
        environment["CUDA_VISIBLE_DEVICES"] = resources.device.removeprefix("cuda:")
    return environment


class _Nursery:
    """This process's nursery, started with its first job, and again if it has ended."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._owner = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ""

    def address(self) -> str:
        """Where it listens. Raises RuntimeError with its last words if it cannot start."""
        with self._starting:
            running = self._process is not None and self._process.poll() is None
            if not running or self._owner != os.getpid():
                self._start()
            return self._address

    def _start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="handgrad-nursery-"))
        self._owner, self._address = os.getpid(), str(folder / "socket")
        log = folder / "log"
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", NURSERY, self._address],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                cwd=ROOT,
                env=child_environment(Resources()),
                start_new_session=True,
            )
        waited = threading.Event()
        for _ in range(int(START_SECONDS / 0.02)):
            if Path(self._address).exists():
                return
            if self._process.poll() is not None:
                break
            waited.wait(0.02)
        words = log.read_text(errors="replace").strip().splitlines()
        raise RuntimeError(
            f"The process that begins jobs did not start. Its last words: {' / '.join(words[-3:]) or 'none'}"
        )


_nursery = _Nursery()
