"""Ends the children when the supervisor is gone, whatever ended it.

A process of its own, in a session of its own, that reads from a pipe:

1. Every child starts as this file (`start`), names its own process group in the pipe, closes it, and becomes its
   command. So there is no moment at which a child runs and the guardian does not know of it.
2. The supervisor holds the pipe open, and says which groups have ended: `forget 123`.
3. When the supervisor ends, killed outright even, the kernel closes the pipe.
4. The guardian then sends TERM to every group that is left, and KILL after a grace.

It runs as a file, with the standard library alone, and costs a few megabytes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 5.0
# As a shell says that there is no such command.
CANNOT_START = 127
_THIS_FILE = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]


class Guardian:
    """The supervisor's side of the pipe. Starts a new guardian where the old one has died."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process = self._start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def pipe(self) -> int:
        """What a child has to inherit to make itself known."""
        if self._process.poll() is not None:
            self._process = self._start()
            for group in self._groups:
                self._tell(f"watch {group}")
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    def starting(self, command: Sequence[str], pipe: int) -> list[str]:
        """The command line of a child that makes itself known through `pipe` and becomes `command`."""
        return [*_THIS_FILE, "start", str(pipe), *command]

    def note(self, group: int) -> None:
        """Remembers a child that has made itself known, for a guardian that may have to be replaced."""
        self._groups.add(group)

    def forget(self, group: int) -> None:
        self._groups.discard(group)
        self._tell(f"forget {group}")

    def close(self) -> None:
        """Ends the guardian, and with it whatever is still watched."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, word: str) -> None:
        # A guardian that dies at this very moment is replaced at the next word.
        with suppress(BrokenPipeError):
            os.write(self.pipe, f"{word}\n".encode())

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([*_THIS_FILE, "watch"], stdin=subprocess.PIPE, start_new_session=True)


def _signal_group(group: int, number: int) -> bool:
    """False where the group has no process left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_groups(groups: set[int]) -> None:
    """TERM to all of them, KILL to those that remain after the grace."""
    left = {group for group in groups if _signal_group(group, signal.SIGTERM)}
    deadline = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {group for group in left if _signal_group(group, 0)}
    for group in left:
        _signal_group(group, signal.SIGKILL)


def watch() -> None:
    """The guardian itself."""
    groups: set[int] = set()
    for line in sys.stdin:
        word, group = line.split()
        (groups.add if word == "watch" else groups.discard)(int(group))
    end_groups(groups)


def start(pipe: int, command: Sequence[str]) -> None:
    """A child's first moments. The pipe closes by itself when the command takes this process over."""
    os.set_inheritable(pipe, False)
    os.write(pipe, f"watch {os.getpid()}\n".encode())
    try:
        os.execvp(command[0], list(command))
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}")
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        watch()
    else:
        start(int(sys.argv[2]), sys.argv[3:])
