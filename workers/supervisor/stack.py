"""The order in which the stack starts and stops.

Start: Redis, then the web process alone, so that the address answers as soon as it can; then everything else; last,
at low priority, what policies need, and the worker that needs it. Stop: stage by stage, what makes work first and
Redis last; workers end what they hold before, and it is said what that is. A second Ctrl-C kills.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from workers.stopping import WIND_DOWN
from workers.supervisor.broker import Broker, wait_until_redis_answers
from workers.supervisor.child import Child
from workers.supervisor.guardian import Guardian
from workers.supervisor.log import StackLog
from workers.supervisor.processes import Process, Stage
from workers.supervisor.watch import Watch

# How long the rest of the stack waits for the address to answer.
_PATIENCE = 30.0
# How long workers may take to end what they hold when the stack stops.
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Plan:
    """What a supervisor starts. A process inherits its listener, by its name; `installer` runs once, and `after_installation` follows
    where it ended well."""

    broker: Broker
    web: Process
    listeners: Mapping[str, socket.socket]
    others: tuple[Process, ...]
    installer: Process | None
    after_installation: tuple[Process, ...]
    values: Mapping[str, str | int | tuple[str, ...]]
    environment: Mapping[str, str]

    def winds_down(self, name: str) -> bool:
        """Whether the process understands WIND_DOWN. Training does not end in seconds: it goes on from its checkpoint."""
        return any(p.name == name and p.is_worker and p.name != "gpu" for p in self.processes)

    @property
    def processes(self) -> list[Process]:
        optional = (self.broker.process, self.web, *self.others, self.installer, *self.after_installation)
        return [process for process in optional if process]


class Stack:
    """Runs a plan until it is asked to stop.

    `is_up` returns once the address answers; `announce` is then called, once.
    """

    def __init__(
        self,
        plan: Plan,
        is_up: Callable[[], Awaitable[None]],
        announce: Callable[[], None],
        log: StackLog | None = None,
        watch: Watch | None = None,
        under_way: Callable[[], list[str]] = list,
    ) -> None:
        self.children: dict[str, Child] = {}
        self._plan = plan
        self._is_up = is_up
        self._announce = announce
        self._log = log or StackLog(process.name for process in plan.processes)
        self._watch = watch
        self._under_way = under_way
        self._guardian = Guardian()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stop_asked = asyncio.Event()

    async def run(self) -> None:
        """Starts everything, keeps it running, and stops it on INT, TERM or HUP, or where the start fails."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.ask_to_stop)
        starting = asyncio.create_task(self._start())
        asked = asyncio.create_task(self._stop_asked.wait())
        watching = asyncio.create_task(self._look_after())
        try:
            await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await asked
        finally:
            starting.cancel()
            asked.cancel()
            watching.cancel()
            await self._stop()

    def ask_to_stop(self) -> None:
        if self._stop_asked.is_set():
            self._log.say("Asked again: killing what is left.")
            for child in self.children.values():
                child.kill()
        self._stop_asked.set()

    async def _start(self) -> None:
        plan = self._plan
        self._log.say(f"Redis: {plan.broker.description}")
        if plan.broker.process:
            self._keep_running(plan.broker.process)
        await wait_until_redis_answers(plan.broker.url)
        self._keep_running(plan.web)
        try:
            await asyncio.wait_for(self._is_up(), _PATIENCE)
            self._announce()
            announced = True
        except TimeoutError:
            self._log.say(f"The address has not answered in {_PATIENCE:g} s: the lines of `web` say why.")
            announced = False
        for process in plan.others:
            self._keep_running(process)
        if not announced:
            await self._is_up()
            self._announce()
        if plan.installer:
            self._running[plan.installer.name] = asyncio.create_task(self._install(plan.installer))

    async def _install(self, installer: Process) -> None:
        code = await self._child(installer).run_once()
        if code == 0 and not self._stop_asked.is_set():
            for process in self._plan.after_installation:
                self._keep_running(process)

    def _keep_running(self, process: Process) -> None:
        self._running[process.name] = asyncio.create_task(self._child(process).keep_running())

    def _child(self, process: Process) -> Child:
        child = Child(
            process.name,
            process.command_line(**self._plan.values),
            {**self._plan.environment, **process.environment},
            self._log,
            self._guardian,
            inherited=(listener.fileno(),) if (listener := self._plan.listeners.get(process.name)) else (),
        )
        self.children[process.name] = child
        return child

    async def _look_after(self) -> None:
        if self._watch:
            await self._watch.look_after(self.children, self._log)

    async def _wind_down(self, names: Sequence[str]) -> None:
        """Let workers end what they hold, and say what that is; no longer than STOP_SECONDS, and not on a second Ctrl-C."""
        for name in names:
            if self._plan.winds_down(name):
                self.children[name].wind_down(WIND_DOWN)
        until, said = time.monotonic() + STOP_SECONDS, ""
        while left := await self._still_under_way():
            if time.monotonic() > until or not any(self.children[name].pid for name in names):
                self._log.say(
                    f"Left undone: {left}. It is done again at the next start; what is stored is kept."
                )
                return
            if left != said:
                self._log.say(f"Waiting up to {STOP_SECONDS:g} s for {left}")
            said = left
            await asyncio.sleep(0.25)

    async def _still_under_way(self) -> str:
        """Empty, too, where the database cannot be asked: there is nothing to wait for then."""
        try:
            return ", ".join(await asyncio.to_thread(self._under_way))
        except Exception as error:
            self._log.say(f"What is under way cannot be told: {error}")
            return ""

    async def _stop(self) -> None:
        stages = {process.name: process.stage for process in self._plan.processes}
        for stage in sorted(Stage, reverse=True):
            names = [name for name in self.children if stages[name] == stage]
            if names:
                self._log.say(f"Stopping {', '.join(names)}")
            if stage == Stage.WORKER:
                await self._wind_down(names)
            await asyncio.gather(*(self.children[name].stop() for name in names))
            for listener in (self._plan.listeners[name] for name in names if name in self._plan.listeners):
                # Who still waits for an answer is told that none will come.
                listener.close()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._guardian.close()
        self._log.say("Stopped.")
