"""`manage.py rehearsal`: plays a run on a stack of its own, says how it went, and leaves nothing running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from workers.rehearsal.play import Played, shipped_run
from workers.rehearsal.report import show, verdict
from workers.rehearsal.scratch import ROOT, scratch_environment


def played(*scores: float) -> Played:
    curve = [{"position": position, "mean": score} for position, score in enumerate(scores)]
    used = {
        "calls": 3,
        "prompt_tokens": 1200,
        "completion_tokens": 34,
        "cost": 0.0125,
        "rehearsal_answers": 8,
    }
    versions = [
        {"name": "draft.system_prompt", "value": "Answer briefly.", "current": False},
        {"name": "draft.system_prompt", "value": "Answer kindly.", "current": True},
        {"name": "refine.system_prompt", "value": "Polish.", "current": True},
    ]
    return Played({"curve": curve, "usage": used}, versions, seconds=41.6)


class TestVerdict:
    def test_a_score_that_rose_over_three_iterations_passes(self) -> None:
        assert verdict(played(0.1, 0.2, 0.4, 0.6)) == ""
        assert verdict(played(0.1, 0.2, 0.4, 0.6, 0.6)) == ""

    @pytest.mark.parametrize(
        ("scores", "reason"),
        [
            ((), "no held-out scores"),
            ((0.4, 0.3), "did not rise: 0.400 → 0.300"),
            ((0.1, 0.5, 0.6, 0.1), "did not rise"),
            ((0.1, 0.2, 0.4), "rose over 2 of the 3 iterations wanted"),
        ],
    )
    def test_any_other_fails_and_is_told_why(self, scores: tuple[float, ...], reason: str) -> None:
        assert reason in verdict(played(*scores))


def test_the_report_has_the_curve_the_word_diff_and_what_was_used() -> None:
    out = StringIO()
    show(Console(file=out, width=100), played(0.1, 0.6))
    told = out.getvalue()
    assert re.search(r"start\s+0\.100", told)
    assert re.search(r"1\s+0\.600", told)
    assert "Answer [-briefly-]{+kindly+}." in told
    assert "refine" not in told
    assert "3 calls, 1,234 tokens, $0.0125, 8 answers of rehearsal colleagues, 42 s." in told


def test_nothing_of_the_callers_own_reaches_the_scratch_stack(tmp_path: Path) -> None:
    mine = {
        "PATH": "/bin",
        "DATABASE_URL": "postgresql://mine",
        "REDIS_URL": "redis://mine",
        "OPENAI_API_KEY": "sk-mine",
        "HANDGRAD_ENV": "production",
        "SECRET_KEY": "mine",
    }
    scratch = scratch_environment(mine, tmp_path)
    assert scratch == {"PATH": "/bin", "HANDGRAD_DATA": str(tmp_path), "HANDGRAD_POLICIES": "off"}
    assert scratch_environment(mine, tmp_path, "sqlite:///x")["DATABASE_URL"] == "sqlite:///x"


def test_the_shipped_run_is_judged_by_colleagues_alone() -> None:
    config: dict[str, Any] = shipped_run(iterations=4)
    assert config["people"] == {"per_iteration": 0, "rehearsal": True, "wanted": 1}
    assert (config["program"], config["dataset"]) == ("support_reply", "support-tickets")


@pytest.mark.stack
@pytest.mark.timeout(600)
class TestCommand:
    @staticmethod
    def start(scratch: Path, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "manage.py", "rehearsal", *arguments],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(scratch)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def test_the_shipped_run_rises_over_three_iterations_and_nothing_is_left(self, tmp_path: Path) -> None:
        process = self.start(tmp_path)
        told, _ = process.communicate(timeout=500)
        assert process.returncode == 0, told
        scores = [float(score) for score in re.findall(r"Held-out score a\w+.*: ([\d.]+)", told)]
        assert len(scores) == 5
        assert scores[0] < scores[1] < scores[2] < scores[3] <= scores[4]
        assert "{+" in told
        assert "The score rose." in told
        assert list(tmp_path.glob("handgrad-rehearsal-*")) == []
        assert processes_of(tmp_path) == []

    def test_a_run_that_takes_too_long_is_said_in_words_and_nothing_is_left(self, tmp_path: Path) -> None:
        process = self.start(tmp_path, "--timeout", "0")
        told, _ = process.communicate(timeout=300)
        assert process.returncode == 1
        assert "The time is over and the run goes on" in told
        assert processes_of(tmp_path) == []

    def test_killed_outright_it_still_leaves_nothing_running(self, tmp_path: Path) -> None:
        process = self.start(tmp_path)
        wait_until(lambda: len(processes_of(tmp_path)) > 5)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        wait_until(lambda: processes_of(tmp_path) == [])


def processes_of(scratch: Path) -> list[psutil.Process]:
    """Whatever runs over a data folder in `scratch`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HANDGRAD_DATA", "").startswith(str(scratch)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until(condition: Any, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
