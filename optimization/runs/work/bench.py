"""The bench that one task works at: what the items of a run share while they are carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from django.db import close_old_connections, connections

from optimization.core import TrainingStep
from optimization.llm.messages import Resources
from optimization.models import Candidate, Run, WorkItem
from optimization.runs.assembly import judge_of, loss_made, program_at
from optimization.runs.config import Choice, RunConfig
from optimization.runs.engine.leases import take
from optimization.runs.kinds import config_of
from optimization.runs.work.calls import JournaledResources
from optimization.runs.work.lent import Lent
from optimization.runs.work.sheet import Sheet, sheets_read
from optimization.runs.work.writer import Operation, Writer

T = TypeVar("T")


class Bench:
    """Reads go through one thread of `reader`, writes through `writer`; modules are made once a candidate."""

    def __init__(self, run: Run, resources: Resources, writer: Writer, reader: ThreadPoolExecutor) -> None:
        self.run = run
        self.config = config_of(run)
        self.current_candidate: str = run.trainer_state["candidate"]
        self.resources = JournaledResources(resources, writer)
        self._writer = writer
        self._reader = reader
        self._lent: Lent | None = None
        self._steps: dict[tuple[str, str], asyncio.Future[TrainingStep]] = {}

    @property
    def program_config(self) -> RunConfig:
        """That of a run which improves a program's prompts."""
        assert isinstance(self.config, RunConfig)
        return self.config

    @classmethod
    async def open(
        cls, run_id: int, resources: Callable[[Run], Resources], writer: Writer, reader: ThreadPoolExecutor
    ) -> Bench:
        """The bench of a run, with the endpoints as they are configured now."""

        def read() -> tuple[Run, Resources]:
            run = Run.objects.select_related("program_version", "dataset_version").get(pk=run_id)
            return run, resources(run)

        return cls(*await asyncio.get_running_loop().run_in_executor(reader, read), writer, reader)

    def read(self, query: Callable[[], T]) -> asyncio.Future[T]:
        """Run a query in the reading thread, after those asked for before it."""
        return asyncio.get_running_loop().run_in_executor(self._reader, partial(_fresh, query))

    def write(self, operation: Operation) -> Awaitable[object]:
        return self._writer.write(operation)

    async def take(self, kinds: Iterable[str], limit: int, *, alone: bool) -> list[Sheet]:
        """Due items of the run, leased and laid out; `alone` says that nothing else is in the air."""
        return await self.read(partial(self._take, kinds, limit, alone))

    def _take(self, kinds: Iterable[str], limit: int, alone: bool) -> list[Sheet]:
        items = take(kinds=kinds, run_id=self.run.pk, limit=limit, alone=alone)
        return self.laid_out(items) if items else []

    def laid_out(self, items: Sequence[WorkItem]) -> list[Sheet]:
        """The items' sheets; those of a counterfactual run's first iteration with what the run is lent."""
        sheets = sheets_read(items)
        if self.run.without_id is not None:
            for sheet in sheets:
                if sheet.item.effect.iteration == self.run.forked_at:
                    self._lent = sheet.lent = self._lent or Lent.read(self.run)
        return sheets

    async def step(self, item: WorkItem) -> TrainingStep:
        """The program of the item's candidate followed by its judge, bound and shared by all items that ask for it."""
        candidate, guide = item.payload["candidate"], item.payload["guide"]
        learned_from = self.program_config.loss_at(item.stands_at[0], item.kind)
        choice = learned_from if guide == "train" else judge_of(self.program_config)
        key = (candidate, choice.model_dump_json())
        made = self._steps.get(key)
        if made is None or (made.done() and (made.cancelled() or made.exception())):
            self._steps[key] = self._make_step(candidate, choice)
        return await asyncio.shield(self._steps[key])

    async def own_step(self, candidate: str, item: WorkItem) -> TrainingStep:
        """A training step of the caller's own, whose parameters it may fill with feedback."""
        return await self._make_step(candidate, self.program_config.loss_at(item.effect.iteration))

    def _make_step(self, candidate: str, choice: Choice) -> asyncio.Future[TrainingStep]:
        def make() -> TrainingStep:
            program = program_at(Candidate.objects.get(run=self.run, key=candidate))
            return TrainingStep(program, loss_made(choice)).train().bind(self.resources)

        return self.read(make)

    async def close(self) -> None:
        """Give the reading thread's connection back."""
        await self.read(connections.close_all)


def _fresh(query: Callable[[], T]) -> T:
    """The query's result, on a connection that the database has not closed meanwhile."""
    close_old_connections()
    return query()
