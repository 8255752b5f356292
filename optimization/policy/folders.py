"""Folders that are there whole or not at all. Imports without torch."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Collection
from pathlib import Path

from optimization.policy.errors import CheckpointError
from optimization.policy.faults import fault

PARTIAL = ".partial-"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into a folder of its own, then put that in the place of `folder` in one step.

    A process that dies meanwhile leaves what was there before, or the new folder, whole either way. Raises
    CheckpointError in words where the disk is full or cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    partial = folder.with_name(f"{PARTIAL}{folder.name}-{uuid.uuid4().hex}")
    try:
        partial.mkdir()
        fill(partial)
        for file in partial.iterdir():
            file.chmod(0o644)
            _flush(file)
        _flush(partial)
        fault("checkpoint_written")
        _replace(partial, folder)
    except Exception as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not _is_of_the_disk(error):
            raise
        raise CheckpointError(
            f"The checkpoint {folder} could not be written: {error}. "
            f"{no_room(error, folder.parent) or f'Check that {folder.parent} can be written.'} "
            "What was there before is untouched."
        ) from error


def sweep(folder: Path) -> None:
    """Finish what a killed process left beside `folder`: bring back what it moved away, remove what it began."""
    old = _old(folder)
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    for partial in folder.parent.glob(f"{PARTIAL}{folder.name}-*"):
        shutil.rmtree(partial, ignore_errors=True)


def prune(parent: Path, keep: Collection[str]) -> list[str]:
    """Remove the folders in `parent` that are not named in `keep`; the names of those that went."""
    gone = [
        entry.name
        for entry in sorted(parent.iterdir())
        if entry.is_dir() and entry.name not in keep and not entry.name.startswith(".")
    ]
    for name in gone:
        shutil.rmtree(parent / name)
    return gone


def _replace(partial: Path, folder: Path) -> None:
    old = _old(folder)
    if folder.exists():
        folder.rename(old)
        fault("checkpoint_moved")
    partial.rename(folder)
    _flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _old(folder: Path) -> Path:
    return folder.with_name(f".old-{folder.name}")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_of_the_disk(error: Exception) -> bool:
    # safetensors raises its own type, with the system's message in it.
    return isinstance(error, OSError) or "os error" in str(error).lower() or "I/O error" in str(error)


def no_room(error: Exception, place: Path) -> str:
    """What to do about an error that says that the disk is full; empty for any other."""
    full = isinstance(error, OSError) and error.errno in FULL
    if not full and not any(f"os error {code}" in str(error) for code in FULL):
        return ""
    free = shutil.disk_usage(place).free // 2**20
    return f"There is no room ({free} MB free): make some, or keep fewer checkpoints."
