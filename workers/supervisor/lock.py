"""One supervisor for a data folder: a lock that the kernel frees however its holder ends."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(Exception):
    """Another supervisor holds the data folder."""


@contextmanager
def data_folder_lock(folder: Path) -> Iterator[Callable[[str], None]]:
    """Holds `folder`; gives a function that notes the address, for the words that a second supervisor will say."""
    path = folder / "up.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_words(folder, path)) from None
        note_holder(path, "")
        yield lambda address: note_holder(path, address)
        path.write_text("")


def note_holder(path: Path, address: str) -> None:
    path.write_text(json.dumps({"process": os.getpid(), "address": address}))


def _words(folder: Path, path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
    except ValueError:
        holder = {"process": "?", "address": ""}
    where = f" at {holder['address']}" if holder["address"] else ""
    return (
        f"Handgrad is already running on the data folder {folder}: process {holder['process']}{where}. "
        f"Use that one, stop it with Ctrl-C where it runs (or: kill {holder['process']}), "
        "or start a second one on a folder of its own: HANDGRAD_DATA=/another/folder make up"
    )
