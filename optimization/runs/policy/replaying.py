"""A policy's steps taken once more from their stored rollouts and rewards, and the weights held against what is stored.

1. A step begins with the weights that the replay made in the step before, so removed checkpoints hinder nothing; a
   fork's first one begins with the weights that it shares.
2. It is the same job on the same device, with as many processes and threads.
3. On a CPU with a fixed number of threads the weights must be equal byte by byte. A GPU adds in an order of its own, and
   so do other numbers of threads: there it is said how far apart the weights are.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings

from optimization.models import Checkpoint, PolicyJob, WorkItem
from optimization.policy.jobs import JobFailed, Resources, run_job
from optimization.policy.jobs.leasing import leased
from optimization.policy.jobs.spec import StepJob
from optimization.runs.policy.config import PolicyRunConfig
from optimization.runs.policy.gpu import NO_TORCH
from optimization.runs.policy.scratch import ReplayFolder
from optimization.runs.policy.storage import run_folder
from optimization.runs.policy.work import step_job
from optimization.runs.work.bench import Bench
from optimization.runs.work.sheet import Sheet

WEIGHTS = ("model.safetensors", "adapter_model.safetensors", "optimizer.safetensors")
RENEW_SECONDS = 10.0


@dataclass(frozen=True)
class StepAgain:
    """What came of a step that was taken again: bytes that are equal, or what is not; `note` is worth knowing."""

    checkpoints: int = 0
    bytes: int = 0
    problem: str = ""
    note: str = ""


class StepsReplay:
    """The steps of one run, in order. `after_each` is called now and then while a job goes on."""

    def __init__(self, run_id: int, after_each: Callable[[], None]) -> None:
        self._folder = ReplayFolder(run_folder(run_id))
        self._after_each = after_each
        self._made: tuple[str, Path] | None = None

    async def step(self, sheet: Sheet, bench: Bench) -> StepAgain:
        """Take the item's step again, beside the run: of the run nothing is changed."""
        item, config = sheet.item, PolicyRunConfig.model_validate(bench.run.config)
        if find_spec("torch") is None:
            return StepAgain(problem=NO_TORCH)
        number = item.payload["step"] + 1
        output = await bench.read(self._folder.path) / f"step-{number}"
        first_on = await bench.read(partial(_device_of, item))
        compute = config.compute
        try:
            job = await bench.read(partial(self._job, item, bench, output))
            async with leased(
                compute.device, compute.processes, Path(settings.POLICY_DIR) / "devices"
            ) as device:
                resources = Resources(device=device, threads=compute.threads, processes=compute.processes)
                trained = await self._run(job, resources, bench)
        except (JobFailed, ValueError) as error:
            return StepAgain(problem=f"it could not be taken again: {error}")
        stored = await bench.read(partial(_stored, item))
        if trained != (stored is not None):
            return StepAgain(
                problem="there is something to learn from in one of the two, and not in the other"
            )
        if stored is None:
            return StepAgain()
        self._keep(stored.key, output)
        exact, fixed = {device, first_on} <= {"cpu", ""}, compute.threads is not None
        return await bench.read(partial(_compared, Path(stored.path), output, exact=exact, fixed=fixed))

    def end(self) -> None:
        self._folder.end()

    def _job(self, item: WorkItem, bench: Bench, output: Path) -> StepJob:
        begun = item.payload["checkpoint"]
        made = self._made and self._made[0] == begun and str(self._made[1])
        _, job = step_job(item, bench.run, begun=made or None)
        return job.model_copy(update={"output": str(output), "figures": False})

    async def _run(self, job: StepJob, resources: Resources, bench: Bench) -> bool:
        async def renewing() -> None:
            while True:
                await asyncio.sleep(RENEW_SECONDS)
                await bench.read(self._after_each)

        alive = asyncio.create_task(renewing())
        try:
            result = await run_job(job, Path(job.output).with_name("job"), resources=resources)
        finally:
            alive.cancel()
        return bool(result.details["trained"])

    def _keep(self, key: str, folder: Path) -> None:
        """Only the latest weights are needed for what follows."""
        if self._made is not None:
            shutil.rmtree(self._made[1], ignore_errors=True)
        self._made = (key, folder)


def _device_of(item: WorkItem) -> str:
    job = PolicyJob.objects.filter(item=item).first()
    return job.device if job else ""


def _stored(item: WorkItem) -> Checkpoint | None:
    """The checkpoint that the step led to, if it did."""
    return Checkpoint.objects.filter(run=item.run_id, steps__iteration=item.effect.iteration).first()


def _compared(stored: Path, made: Path, *, exact: bool, fixed: bool) -> StepAgain:
    if not stored.is_dir():
        return StepAgain(note="Weights that the run removed were made again, and compared with nothing.")
    names = [name for name in WEIGHTS if (stored / name).exists() or (made / name).exists()]
    size = 0
    for name in names:
        if not (stored / name).exists() or not (made / name).exists():
            return StepAgain(problem=f"{name} is there in one of the two alone")
        before, after = (stored / name).read_bytes(), (made / name).read_bytes()
        size += len(before)
        if before != after:
            apart = _apart(stored / name, made / name)
            if not exact:
                return StepAgain(
                    note=f"On a GPU sums come in no fixed order: bytes are not held against each other there. {apart}"
                )
            hint = "" if fixed else " The run does not fix its CPU threads (compute.threads)."
            return StepAgain(problem=f"{name} has other bytes than what is stored. {apart}{hint}")
    return StepAgain(checkpoints=1, bytes=size)


def _apart(stored: Path, made: Path) -> str:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        before, after = load_file(stored), load_file(made)
    except (SafetensorError, TypeError, KeyError) as error:
        return f"It cannot be read: {error}."
    if {name: value.shape for name, value in before.items()} != {
        name: value.shape for name, value in after.items()
    }:
        return "Its numbers are of another architecture."
    greatest = max((float(abs(before[name] - after[name]).max(initial=0)) for name in before), default=0.0)
    return f"The greatest difference of a number is {greatest:.2g}."
