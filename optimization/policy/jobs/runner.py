"""Runs a job in a child process, reads its progress, stops it, and says in words how it ended. Imports without torch."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

from optimization.policy.errors import PolicyError
from optimization.policy.jobs.children import Child, start_child
from optimization.policy.jobs.spec import Job, JobFile, JobFolder, Progress, Resources, Result

POLL = 0.05
# The kind of a failure without a result: a second try may well succeed.
DIED = "ChildDied"
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

    `on_progress` gets every report, `cancelled` is asked some times a second. A cancelled job's result says so; a
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
    child = await start_child(files, resources, environment)
    try:
        await _watch(child, files, on_progress, cancelled)
    finally:
        child.kill()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(child.ended)
    return files.finished() or Result(
        state="failed", error=_last_words(child.ended.result(), files.log), kind=DIED
    )


async def _watch(
    child: Child,
    files: JobFolder,
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> None:
    """Wait for the child's end, or for the end of its patience after a cancel."""
    reader, left = _ProgressReader(files.progress), GRACE
    while not child.ended.done():
        await asyncio.wait([child.ended], timeout=POLL)
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


def _last_words(code: int, log: Path) -> str:
    if code == -signal.SIGKILL:
        return (
            "The job's process was killed. When nobody did that by hand, this machine's memory ran out: lower "
            "micro_batch_size, rollout_batch_size or max_tokens, or take a smaller model. Nothing was lost; run it again."
        )
    said = log.read_text(errors="replace").strip().splitlines()
    name = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"The job's process ended by itself with {name}. Its last words: {' / '.join(said[-3:]) or 'none'}"
