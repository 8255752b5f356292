"""What training a policy needs (torch and its kin): its installation, after the address is up, and how far that is.

The installation is a process of its own at low priority; it writes what it does to a file in the data folder, which
the dashboard reads through `status`. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings

REQUIREMENTS = settings.BASE_DIR / "requirements" / "policy.txt"
AGAIN = ".venv/bin/python manage.py install_policies"


class State(StrEnum):
    OFF = "off"
    ELSEWHERE = "elsewhere"
    ABSENT = "absent"
    INSTALLING = "installing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class PolicyStatus:
    """`sentence` is for people; empty where there is nothing to tell them."""

    state: State
    sentence: str = ""
    done: int = 0
    total: int = 0
    process: int = 0
    installed: str = ""


class InstallationFailed(Exception):
    """pip could not install what policies need."""


def status() -> PolicyStatus:
    """How far the installation is; cheap enough for every page."""
    if settings.POLICIES == State.ELSEWHERE:
        return PolicyStatus(State.ELSEWHERE)
    if settings.POLICIES == State.OFF:
        return PolicyStatus(State.OFF, "Policies are switched off on this machine (HANDGRAD_POLICIES=0).")
    noted = _noted()
    if noted.state == State.INSTALLING and not _is_alive(noted.process):
        return PolicyStatus(State.FAILED, f"Installing what policies need was interrupted. To go on: {AGAIN}")
    if noted.state == State.READY and not is_installed():
        return PolicyStatus(State.ABSENT, f"What policies need is not installed. To install it: {AGAIN}")
    return noted


def is_installed() -> bool:
    """Whether what `requirements/policy.txt` now asks for has been installed, by us or by hand."""
    noted = _noted()
    return (
        noted.state == State.READY and noted.installed in {"", _digest()} and find_spec("torch") is not None
    )


def install() -> Iterator[PolicyStatus]:
    """Runs pip at low priority and yields, and notes, each step. InstallationFailed in words where pip fails."""
    os.nice(10)
    total = len(re.findall(r"^\S+==", REQUIREMENTS.read_text(), re.M))
    progress = PolicyStatus(
        State.INSTALLING, "Installing what policies need (torch)…", total=total, process=os.getpid()
    )
    yield _note(progress)
    last: list[str] = []
    with subprocess.Popen(_pip(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as pip:
        for line in pip.stdout or ():
            last = [*last[-4:], line.strip()]
            if found := re.match(
                r"(?:Collecting|Processing|Requirement already satisfied:) (?:\S*/)?([\w.-]+)", line
            ):
                progress = _step(progress, f"now {found[1]}")
                yield _note(progress)
            elif line.startswith("Installing collected packages"):
                progress = _step(replace(progress, done=total), "writing them to the disk")
                yield _note(progress)
    if pip.returncode != 0:
        sentence = f"What policies need could not be installed. To try again: {AGAIN}"
        _note(PolicyStatus(State.FAILED, sentence))
        raise InstallationFailed(f"{sentence}\npip's last lines:\n" + "\n".join(last))
    yield _note(PolicyStatus(State.READY, installed=_digest()))


def _step(progress: PolicyStatus, doing: str) -> PolicyStatus:
    done = min(progress.done + 1, progress.total)
    sentence = f"Installing what policies need (torch)… {done} of {progress.total} packages, {doing}"
    return replace(progress, done=done, sentence=sentence)


def _pip() -> list[str]:
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    return [sys.executable, "-m", "pip", "install", *options, "-r", str(REQUIREMENTS)]


def _file() -> Path:
    return Path(settings.DATA_DIR) / "policies.json"


def _noted() -> PolicyStatus:
    try:
        fields = json.loads(_file().read_text())
        return PolicyStatus(**fields | {"state": State(fields["state"])})
    except (OSError, ValueError, TypeError, KeyError):
        return PolicyStatus(State.READY)


def _note(status: PolicyStatus) -> PolicyStatus:
    unfinished = _file().with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(status)))
    unfinished.replace(_file())
    return status


def _digest() -> str:
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
