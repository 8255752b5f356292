"""The child's side of a job: forked from a nursery, or under torchrun as `-m optimization.policy.jobs.child FOLDER`."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from pathlib import Path

from optimization.policy.errors import Cancelled, PolicyError
from optimization.policy.faults import fault
from optimization.policy.folders import no_room
from optimization.policy.jobs.spec import JobFile, JobFolder, Progress, Result

# Reports come at most so often, seconds; a task's beginning is always reported.
REPORT_EVERY = 0.2


class Reporter:
    """Called between micro-batches: reports the progress, and stops the job where that is asked for."""

    def __init__(self, files: JobFolder) -> None:
        self._files = files
        self._task, self._reported = "", 0.0

    def __call__(self, task: str, done: int, total: int) -> None:
        """Raises Cancelled if the job is to stop."""
        now = time.monotonic()
        if task != self._task or now - self._reported >= REPORT_EVERY:
            self._task, self._reported = task, now
            with self._files.progress.open("a") as file:
                file.write(Progress(task=task, done=done, total=total).model_dump_json() + "\n")
        fault(task)
        if self._files.cancel.exists():
            raise Cancelled("The job was cancelled; nothing of its step was applied.")


def main(folder: str) -> int:
    """Do the job in the folder; the exit code."""
    files = JobFolder(Path(folder))
    first = os.environ.get("RANK", "0") == "0"
    result = _carry_out(files, first)
    if first:
        files.write_whole(files.result, result.model_dump_json())
    return 1 if result.state == "failed" else 0


def _carry_out(files: JobFolder, first: bool) -> Result:
    try:
        asked = JobFile.model_validate_json(files.job.read_text())
        reporter = Reporter(files) if first else _silent
        # Here torch comes in.
        from optimization.policy.jobs.work import work

        return work(asked.job, asked.resources, files, reporter)
    except Cancelled as stop:
        return Result(state="cancelled", error=str(stop), kind="Cancelled")
    except (PolicyError, ValueError) as problem:
        return Result(state="failed", error=str(problem), kind=type(problem).__name__)
    except Exception as error:
        if isinstance(error, OSError) and (words := no_room(error, files.path)):
            return Result(state="failed", error=f"{error}. {words}", kind="NoRoom")
        traceback.print_exc()
        return Result(state="failed", error=f"{type(error).__name__}: {error}", kind=type(error).__name__)


def _silent(task: str, done: int, total: int) -> None:
    """What the other processes of a job report."""


def _end_with_the_parent() -> None:
    """The parent holds the other end of standard input, and the pipe ends when the parent does."""
    if sys.stdin is not None and not sys.stdin.isatty():
        while sys.stdin.buffer.read(1):
            pass
        os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    sys.exit(main(sys.argv[1]))
