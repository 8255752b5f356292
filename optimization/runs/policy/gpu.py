"""A GPU item's job: a child process on a leased device, watched until its end.

Every second its progress is written down and the run's state read: a cancelled run's job stops between two micro-batches.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError

from optimization.models import Run, RunState, WorkItem
from optimization.policy.jobs import BeginnerJob, Job, JobFailed, Progress, Resources, Result, run_job
from optimization.policy.jobs.leasing import leased
from optimization.policy.jobs.runner import DIED
from optimization.runs.policy.config import BEGINNER, PolicyRunConfig
from optimization.runs.policy.settling import Progressed
from optimization.runs.policy.storage import base_path, job_folder, jobs_sweep
from optimization.runs.work.bench import Bench

log = structlog.get_logger()
EVERY_SECONDS = 1.0
NO_TORCH = (
    "Training a policy needs the packages of requirements/policy.txt (torch and its kin), and this worker does not have "
    "them. Install them with: .venv/bin/python manage.py install_policies"
)


class JobStopped(Exception):
    """A job came to no result. `again`: another attempt may well succeed."""

    def __init__(self, words: str, *, again: bool) -> None:
        super().__init__(words)
        self.again = again


class JobCancelled(Exception):
    """The run was cancelled, and the job stopped."""


async def job_done(item: WorkItem, bench: Bench, job: Job) -> tuple[Result, Path]:
    """Do the job; its result, and the folder that holds what it wrote. Raises JobStopped or JobCancelled."""
    config = PolicyRunConfig.model_validate(bench.run.config)
    if find_spec("torch") is None:
        raise JobStopped(NO_TORCH, again=False)
    jobs_sweep(item)
    watch = _Watch(item, bench)
    compute = config.compute
    try:
        async with leased(compute.device, compute.processes, Path(settings.POLICY_DIR) / "devices") as device:
            watch.device = device
            async with watch.writing():
                if _is_missing(config.base):
                    await _make_beginner(watch, compute.threads)
                resources = Resources(
                    device=device,
                    threads=compute.threads,
                    processes=compute.processes if job.kind == "step" else 1,
                )
                result = await watch.run(job, job_folder(item), resources)
    except JobFailed as failed:
        raise JobStopped(str(failed), again=failed.result.kind == DIED) from failed
    except ValueError as error:
        raise JobStopped(str(error), again=False) from error
    if result.state == "cancelled":
        raise JobCancelled(result.error)
    return result, job_folder(item)


def job_over(item: WorkItem) -> None:
    """What the job wrote is in the database: its folder goes."""
    shutil.rmtree(job_folder(item), ignore_errors=True)


def _is_missing(base: str) -> bool:
    return base == BEGINNER and not Path(base_path(base)).exists()


async def _make_beginner(watch: _Watch, threads: int | None) -> None:
    """The model that is made from scratch, once a machine; its folder is there whole or not at all."""
    folder = Path(base_path(BEGINNER))
    await watch.run(
        BeginnerJob(output=str(folder)),
        folder.with_name(f".making-{folder.name}-{watch.item.pk}"),
        Resources(device="cpu", threads=threads),
    )


class _Watch:
    def __init__(self, item: WorkItem, bench: Bench) -> None:
        self.item, self.device = item, ""
        self._bench = bench
        self._latest: Progress | None = None
        self._written: Progress | None = None
        self._stopped = False

    async def run(self, job: Job, folder: Path, resources: Resources) -> Result:
        return await run_job(
            job, folder, resources=resources, on_progress=self._note, cancelled=lambda: self._stopped
        )

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Inside, what is noted is written down and the run's state is read, every second, and once more at the end."""
        task = asyncio.create_task(self._write_on())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            with contextlib.suppress(DatabaseError):
                await self._write()

    def _note(self, progress: Progress) -> None:
        self._latest = progress

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            with contextlib.suppress(DatabaseError):
                state = await self._bench.read(
                    lambda: Run.objects.values_list("state", flat=True).get(pk=self.item.run_id)
                )
                self._stopped = state == RunState.CANCELLED
                await self._write()

    async def _write(self) -> None:
        if (latest := self._latest) is None or latest == self._written:
            return
        await self._bench.write(Progressed(self.item, latest.task, latest.done, latest.total, self.device))
        self._written = latest
