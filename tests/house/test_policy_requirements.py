"""What policies need is installed in the background; the dashboard can tell how far that is."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from project import policy_requirements
from project.policy_requirements import InstallationFailed, State, install, is_installed, status

NO_SUCH_PROCESS = 2**22 + 1


@pytest.fixture(autouse=True)
def data_folder(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    settings.POLICIES = "install"
    return tmp_path


@pytest.fixture
def torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_requirements, "find_spec", lambda name: object())


@pytest.fixture
def torch_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_requirements, "find_spec", lambda name: None)


def pip_that(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_requirements, "_pip", lambda: [sys.executable, "-c", program])
    monkeypatch.setattr(os, "nice", lambda increment: 0)


@pytest.mark.usefixtures("torch_is_absent")
def test_before_it_has_begun_the_sentence_names_the_command() -> None:
    assert status().state == State.ABSENT
    assert "manage.py install_policies" in status().sentence


@pytest.mark.usefixtures("torch_is_there")
def test_where_torch_was_there_before_us_nothing_is_said_and_nothing_installed() -> None:
    assert (status().state, status().sentence, is_installed()) == (State.READY, "", True)


@pytest.mark.usefixtures("torch_is_there")
def test_each_package_that_pip_takes_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pip_that(
        "print('Collecting peft==0.21.2'); print('noise'); print('Processing /wheels/torch-2.13.0.whl');"
        "print('Installing collected packages: torch, peft')",
        monkeypatch,
    )

    told = [step.sentence for step in install()]

    total = status_total()
    assert told == [
        "Installing what policies need (torch)…",
        f"Installing what policies need (torch)… 1 of {total} packages, now peft",
        f"Installing what policies need (torch)… 2 of {total} packages, now torch-2.13.0.whl",
        f"Installing what policies need (torch)… {total} of {total} packages, writing them to the disk",
        "",
    ]
    assert is_installed()


def status_total() -> int:
    return policy_requirements.REQUIREMENTS.read_text().count("==")


@pytest.mark.usefixtures("torch_is_there")
def test_other_requirements_than_those_installed_are_installed_again(data_folder: Path) -> None:
    (data_folder / "policies.json").write_text(json.dumps({"state": "ready", "installed": "of another lock"}))

    assert not is_installed()
    assert status().state == State.ABSENT


def test_a_failure_is_said_with_pips_last_lines_and_stays_on_the_dashboard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pip_that("print('No space left on device'); raise SystemExit(1)", monkeypatch)

    with pytest.raises(InstallationFailed, match=r"(?s)To try again: .*No space left on device"):
        list(install())

    assert status().state == State.FAILED


def test_an_installation_whose_process_was_killed_does_not_look_busy_for_ever(data_folder: Path) -> None:
    noted = {"state": "installing", "sentence": "Installing…", "process": NO_SUCH_PROCESS}
    (data_folder / "policies.json").write_text(json.dumps(noted))

    assert status().state == State.FAILED
    assert "interrupted" in status().sentence


@pytest.mark.parametrize(("setting", "state"), [("off", State.OFF), ("elsewhere", State.ELSEWHERE)])
def test_where_this_machine_trains_no_policies_nothing_is_installed(
    settings: Settings, setting: str, state: State
) -> None:
    settings.POLICIES = setting

    assert status().state == state
