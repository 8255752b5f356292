"""Runs a job in a child process, reads its progress, stops it, and says in words how it ended. Imports without torch."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path

import optimization
from optimization.policy.errors import PolicyError
from optimization.policy.jobs.spec import Job, JobFile, JobFolder, Progress, Resources, Result

ROOT = Path(optimization.__file__).parent.parent
CHILD = "optimization.policy.jobs.child"
POLL = 0.1
# After a cancel the child has this long to come to the end of its micro-batch, seconds.
GRACE = 30.0


class JobFailed(PolicyError):
    """The job ended without a result: `result` says how."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.error)
        self.result = result


async def run_job(
    job: Job,
    folder: Path,
    *,
    resources: Resources | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
    environment: dict[str, str] | None = None,
) -> Result:
    """Do the job in a child process; its result. If this very job is done already, in this folder, that is its result.

    `on_progress` gets every report, `cancelled` is asked ten times a second. A cancelled job's result says so; a
    failed one raises JobFailed. If this coroutine is cancelled, the child is stopped at once.
    """
    files = JobFolder(folder)
    files.path.mkdir(parents=True, exist_ok=True)
    result = files.finished()
    if result is None or result.state != "done" or files.asked() != job:
        chosen = resources or Resources()
        for stale in (files.result, files.cancel, files.progress):
            stale.unlink(missing_ok=True)
        files.write_whole(files.job, JobFile(job=job, resources=chosen).model_dump_json())
        result = await _run_child(files, chosen, on_progress, cancelled, environment or {})
    if result.state == "failed":
        raise JobFailed(result)
    return result


async def _run_child(
    files: JobFolder,
    resources: Resources,
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
    environment: dict[str, str],
) -> Result:
    with files.log.open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *_command(files.path, resources.processes),
            # The child ends when this pipe does: with this process, however it ends.
            stdin=PIPE,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env=_environment(resources) | environment,
            start_new_session=True,
        )
    try:
        await _watch(child, files, on_progress, cancelled)
    finally:
        _stop(child)
        # What torchrun started leads sessions of its own, and ends with this pipe.
        assert child.stdin is not None
        child.stdin.close()
        with contextlib.suppress(asyncio.CancelledError):
            await child.wait()
    return files.finished() or Result(
        state="failed", error=_last_words(child.returncode or 0, files.log), kind="ChildDied"
    )


async def _watch(
    child: Process,
    files: JobFolder,
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> None:
    """Wait for the child's end, or for the end of its patience after a cancel."""
    reader, left = _ProgressReader(files.progress), GRACE
    ended = asyncio.create_task(child.wait())
    while not ended.done():
        await asyncio.wait([ended], timeout=POLL)
        for progress in reader.news():
            on_progress(progress)
        if cancelled():
            files.cancel.touch()
            left -= POLL
        if left <= 0:
            files.write_whole(files.result, Result(state="cancelled").model_dump_json())
            return


class _ProgressReader:
    """Reads the lines that were added since the last time."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def news(self) -> list[Progress]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            return []
        whole, newline, _ = new.rpartition(b"\n")
        self._read += len(whole) + len(newline)
        return [Progress.model_validate_json(line) for line in whole.splitlines()]


def _command(folder: Path, processes: int) -> list[str]:
    if processes == 1:
        return [sys.executable, "-m", CHILD, str(folder)]
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [sys.executable, *torchrun, "-m", CHILD, str(folder)]


def _environment(resources: Resources) -> dict[str, str]:
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


def _stop(child: Process) -> None:
    """End the child and what it started; it leads a session of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _last_words(code: int, log: Path) -> str:
    if code == -signal.SIGKILL:
        return (
            "The job's process was killed. When nobody did that by hand, this machine's memory ran out: lower "
            "micro_batch_size, rollout_batch_size or max_tokens, or take a smaller model. Nothing was lost; run it again."
        )
    said = log.read_text(errors="replace").strip().splitlines()
    name = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"The job's process ended by itself with {name}. Its last words: {' / '.join(said[-3:]) or 'none'}"
