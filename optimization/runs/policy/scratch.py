"""A replay's own folder: it goes with the replay, and where that was killed, with the next replay of the run.

A replay under way holds a lock on a file beside its folder, which the system lets go of with its process.
"""

from __future__ import annotations

import fcntl
import shutil
import uuid
from pathlib import Path
from typing import IO


class ReplayFolder:
    """Made when it is first asked for, in the run's folder."""

    def __init__(self, run: Path) -> None:
        self._path = run / f"replay-{uuid.uuid4().hex[:12]}"
        self._held: IO[str] | None = None

    def path(self) -> Path:
        if self._held is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(self._path.parent)
            self._held = _lock(_beside(self._path))
            self._path.mkdir()
        return self._path

    def end(self) -> None:
        if self._held is not None:
            _remove(self._path, self._held)


def _sweep(run: Path) -> None:
    """Remove what replays have left that were killed."""
    for left in {path.with_suffix("") for path in run.glob("replay-*")}:
        if held := _lock(_beside(left)):
            _remove(left, held)


def _beside(folder: Path) -> Path:
    return folder.with_suffix(".lock")


def _lock(path: Path) -> IO[str] | None:
    """None where a process has it."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _remove(folder: Path, held: IO[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _beside(folder).unlink(missing_ok=True)
    held.close()
