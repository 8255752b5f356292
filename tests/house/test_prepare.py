"""The set-up: what is done stays done, what changed is done again, and what stands in the way is said."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from project import prepare
from project.prepare import CannotPrepare, output_of, step


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    venv = tmp_path / ".venv"
    venv.mkdir()
    monkeypatch.setattr(prepare, "VENV", venv)
    monkeypatch.setattr(prepare, "STAMPS", venv / "prepared.json")
    return venv


def test_a_step_runs_once_and_again_when_what_it_is_made_from_changes(tmp_path: Path) -> None:
    lock = tmp_path / "app.txt"
    runs: list[str] = []

    for text in ("a==1", "a==1", "a==2"):
        lock.write_text(text)
        step("app", [lock], "Installing", lambda: runs.append(lock.read_text()))

    assert runs == ["a==1", "a==2"]


def test_a_step_that_failed_is_not_taken_for_done(tmp_path: Path) -> None:
    def fail() -> None:
        raise CannotPrepare("no network")

    with pytest.raises(CannotPrepare):
        step("app", ["a"], "Installing", fail)
    runs: list[str] = []
    step("app", ["a"], "Installing", lambda: runs.append("again"))

    assert runs == ["again"]


def test_a_new_environment_forgets_what_was_installed_into_the_old_one(environment: Path) -> None:
    step("app", ["a"], "Installing", lambda: None)
    step("venv", ["another Python"], "Making .venv", lambda: None)

    assert set(json.loads((environment / "prepared.json").read_text())) == {"venv"}


def test_another_python_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    version = namedtuple("version", "major minor micro")
    monkeypatch.setattr(prepare.sys, "version_info", version(3, 12, 1))

    with pytest.raises(CannotPrepare, match=r"runs on Python 3\.11; .* make PYTHON=/path/to/python3\.11"):
        prepare.make_environment()


def test_a_command_that_fails_is_shown_with_its_last_lines() -> None:
    command = [sys.executable, "-c", "print('cannot reach the index'); raise SystemExit(2)"]

    with pytest.raises(
        CannotPrepare, match=r"(?s)pip stopped with code 2.*cannot reach the index.*run the same"
    ):
        list(output_of(command, title="pip"))


def test_without_the_means_to_install_a_browser_it_says_what_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("HANDGRAD_CI", raising=False)

    prepare.bring_chromium()

    assert (
        "The browser tests are left out. To run them: sudo apt-get install chromium"
        in capsys.readouterr().out
    )


def test_in_ci_a_missing_browser_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HANDGRAD_CI", "1")

    with pytest.raises(CannotPrepare, match="no `chromium` on the PATH"):
        prepare.bring_chromium()


def test_it_needs_nothing_but_the_standard_library() -> None:
    program = "import sys; sys.path.insert(0, 'project'); import prepare; print('prepared')"

    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", program],
        cwd=prepare.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "prepared\n"
