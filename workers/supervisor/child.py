"""One process of the stack: its lines go to the log, it comes back when it dies, it ends with all that it started.

1. Each start makes a new session, so that Ctrl-C reaches the supervisor alone and a whole group can be ended.
2. Where a process dies, what is left of its group is killed before the next start: two never run side by side.
3. Restarts wait 0.5 s, then twice as long each time, up to 30 s; after a minute of life the count begins anew.
4. To stop is TERM to the process alone (Celery and uvicorn look after their own), KILL to the group after a grace.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

from workers.supervisor.guardian import Guardian
from workers.supervisor.log import StackLog

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
GRACE_SECONDS = 12.0
# What has stopped working is not waited for as long as what is asked to stop.
RESTART_GRACE_SECONDS = 5.0
# A life this long ends a series of failures.
_A_LIFE = 60.0


class Child:
    """`keep_running` until `stop`; or `run_once` for what has an end of its own."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: StackLog,
        guardian: Guardian,
        inherited: tuple[int, ...] = (),
    ) -> None:
        self.name = name
        self.restarts = 0
        self._command = command
        self._environment = environment
        self._log = log
        self._guardian = guardian
        self._inherited = inherited
        self._process: Process | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """None while it is not running."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def keep_running(self) -> None:
        """Starts the process, and again whenever it ends, until `stop` is called."""
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self.run_once()
            if self._stopping.is_set():
                return
            wait = FIRST_WAIT if time.monotonic() - started > _A_LIFE else wait
            self._log.say(f"{self.name} {_ended(code)}; starting it again in {wait:g} s")
            self.restarts += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def run_once(self) -> int:
        """Starts the process and returns its exit code once it and its whole group are gone."""
        # A pipe of our own: with asyncio's, `wait` would wait for every descendant that holds the other end.
        output, input_ = os.pipe()
        guarded = self._guardian.pipe
        process = await asyncio.create_subprocess_exec(
            *self._guardian.starting(self._command, guarded),
            env=self._environment,
            stdout=input_,
            stderr=input_,
            pass_fds=(guarded, *self._inherited),
            start_new_session=True,
        )
        os.close(input_)
        self._process = process
        self._guardian.note(process.pid)
        if self._stopping.is_set():
            self.kill()
        lines = asyncio.create_task(self._pass_on_lines(output))
        code = await process.wait()
        _signal_group(process.pid, signal.SIGKILL)
        self._guardian.forget(process.pid)
        await lines
        return code

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Asks the process to end, and ends its group where it has not after `grace` seconds."""
        self._stopping.set()
        if (process := self._process) is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            self._log.say(f"{self.name} has not ended after {grace:g} s: killing it")
            self.kill()
            await process.wait()

    async def restart(self, grace: float = RESTART_GRACE_SECONDS) -> None:
        """Ends the process, its whole group where it has not ended after `grace` seconds; it is then started again."""
        if (process := self._process) is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            _signal_group(process.pid, signal.SIGKILL)

    def wind_down(self, number: int) -> None:
        """Tells every process of the group that it will be stopped; what ends of it is not started again."""
        self._stopping.set()
        if self.pid:
            _signal_group(self.pid, number)

    def kill(self) -> None:
        """Ends the whole group at once."""
        self._stopping.set()
        if self.pid:
            _signal_group(self.pid, signal.SIGKILL)

    async def _pass_on_lines(self, output: int) -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(output, "rb")
        )
        rest = b""
        while chunk := await reader.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._log.line(self.name, line.decode(errors="replace").rstrip())
        if rest:
            self._log.line(self.name, rest.decode(errors="replace"))
        pipe.close()


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
