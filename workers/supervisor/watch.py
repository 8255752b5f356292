"""The liveness check: a worker that has stopped consuming is started again, a process that hangs is ended.

Every few seconds each worker is asked for a sign of life through its own queue (workers.pulse). Then:

1. A process that says it is at work and has not moved for STUCK heartbeats is killed; its worker makes another one, and its
   leases expire and are taken up again.
2. A worker of which no process has given a sign for SILENT rounds is restarted, TERM first.
   Where a worker on another machine consumes the same queue, its signs count, too: the queue is being consumed.
3. Where the broker or the database cannot be reached nobody is blamed: patience begins anew.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from workers.pulse import Seen
from workers.supervisor.child import Child
from workers.supervisor.log import StackLog

SILENT_ROUNDS = 9
STUCK_HEARTBEATS = 6


class Watch:
    """Looks after `workers`, by the names of their children, which are those of their queues."""

    def __init__(
        self,
        workers: Collection[str],
        *,
        every: float,
        heartbeat: float,
        ask: Callable[[Sequence[str], float], None],
        read: Callable[[], list[Seen]],
        host: str | None = None,
    ) -> None:
        self._workers = workers
        self._every = every
        self._silent = SILENT_ROUNDS * every
        self._stuck = STUCK_HEARTBEATS * heartbeat
        self._ask = ask
        self._read = read
        self._host = host or socket.gethostname()
        self._patient_since: dict[str, tuple[int, float]] = {}

    async def look_after(self, children: Mapping[str, Child], log: StackLog) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(self._every)
            running = {
                name: children[name] for name in self._workers if name in children and children[name].pid
            }
            try:
                await asyncio.to_thread(self._ask, list(running), self._silent)
                seen = await asyncio.to_thread(self._read)
            except Exception as error:
                log.say(f"Nobody can be asked for a sign of life: {error}")
                self._patient_since.clear()
                continue
            for name, child in running.items():
                await self._check(name, child, [one for one in seen if one.queue == name], log)

    async def _check(self, name: str, child: Child, seen: Sequence[Seen], log: StackLog) -> None:
        group, now = child.pid, time.monotonic()
        if group is None:
            return
        known, since = self._patient_since.get(name, (0, 0.0))
        if known != group:
            # It has just been started, or could not be asked: its time begins now.
            self._patient_since[name] = (group, now)
            return
        own = [one for one in seen if one.host == self._host and _is_in(one.pid, group)]
        for one in own:
            if one.doing and one.seconds > self._stuck:
                log.say(
                    f"{name}: process {one.pid} hangs ({one.doing}, not a sign for {one.seconds:.0f} s); ending it"
                )
                with suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
        elsewhere = [one for one in seen if one.host != self._host]
        silent = min((one.seconds for one in [*own, *elsewhere]), default=now - since)
        if min(silent, now - since) > self._silent:
            log.say(f"{name} has taken nothing from its queue for {silent:.0f} s; starting it again")
            del self._patient_since[name]
            await child.restart()


def _is_in(pid: int, group: int) -> bool:
    """Whether the process still runs and is one of the group's; a number may have gone to another."""
    try:
        return os.getpgid(pid) == group
    except ProcessLookupError:
        return False
