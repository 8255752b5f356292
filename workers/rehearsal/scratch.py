"""The stack of `manage.py up` on free ports, over a data folder of its own; at the end nothing of it is left.

Of the environment only what names the machine is passed on: no database, broker, key or endpoint of one's own is
touched, unless the caller gives a database for it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from workers.supervisor.guardian import Guardian

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
STOP_SECONDS = 40.0
_OURS = ("HANDGRAD_", "OPENAI_", "CELERY_", "DJANGO_")
_OURS_TOO = {"DATABASE_URL", "REDIS_URL", "CHANNEL_URL", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS"}


class ScratchError(Exception):
    """The scratch stack did not start, or died."""


@dataclass(frozen=True)
class Scratch:
    """A running stack: its address, an operator's token, its data folder and log."""

    address: str
    token: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        return log_in(self.folder)

    def check(self) -> None:
        """Raises ScratchError if the stack has ended."""
        if self.process.poll() is not None:
            raise ScratchError(
                f"The stack has ended with code {self.process.returncode}; {self.log} says why."
            )


@contextmanager
def scratch_stack(folder: Path, database_url: str = "", *, policies: bool = False) -> Iterator[Scratch]:
    """Starts the stack over `folder`, with its SQLite there or on `database_url`, and stops it whatever happens.

    With `policies` it has a gpu worker.
    """
    environment = scratch_environment(os.environ, folder, database_url, policies=policies)
    guardian = Guardian()
    with log_in(folder).open("wb") as log:
        process = subprocess.Popen(
            guardian.starting([sys.executable, "manage.py", "up", "--port", "0"], pipe := guardian.pipe),
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[pipe],
        )
    try:
        address = _address(folder, process)
        yield Scratch(address, _operator_token(environment), folder, process)
    finally:
        _stop(process)
        guardian.close()


def scratch_environment(
    environment: Mapping[str, str], folder: Path, database_url: str = "", *, policies: bool = False
) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(_OURS) and name not in _OURS_TOO
    }
    if database_url:
        kept["DATABASE_URL"] = database_url
    return kept | {"HANDGRAD_DATA": str(folder), "HANDGRAD_POLICIES": "install" if policies else "off"}


def log_in(folder: Path) -> Path:
    return folder / "stack.log"


def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """What the supervisor notes in its lock once the address answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, ValueError):
            if address := json.loads((folder / "up.lock").read_text())["address"]:
                return str(address)
        time.sleep(0.1)
    raise ScratchError(f"The stack has not started. The end of its log:\n{tail(log_in(folder))}")


def _operator_token(environment: Mapping[str, str]) -> str:
    made = subprocess.run(
        [sys.executable, "manage.py", "token_create", "operator", "--name", "rehearsal"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise ScratchError(f"No token could be made for the operator: {made.stderr.strip()}")
    return made.stdout.strip()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asks the supervisor to stop its stack; kills it, and leaves the rest to the guardians, if it does not."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(path: Path, lines: int = 30) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
