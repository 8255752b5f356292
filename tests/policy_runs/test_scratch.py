"""A replay's folder goes with it; one that was killed leaves it to the next replay of the run."""

from __future__ import annotations

from pathlib import Path

from optimization.runs.policy.scratch import ReplayFolder


def test_it_goes_at_the_end_and_is_not_made_for_nothing(tmp_path: Path) -> None:
    unused = ReplayFolder(tmp_path / "run-1")
    unused.end()
    assert list(tmp_path.iterdir()) == []

    used = ReplayFolder(tmp_path)
    (used.path() / "step-1").mkdir()
    assert used.path().is_dir()
    used.end()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_left_is_swept_and_one_under_way_is_not(tmp_path: Path) -> None:
    killed, checkpoints = tmp_path / "replay-0123456789ab", tmp_path / "checkpoints"
    (killed / "job").mkdir(parents=True)
    checkpoints.mkdir()
    under_way = ReplayFolder(tmp_path)
    kept = under_way.path()
    (tmp_path / "replay-ba9876543210.lock").touch()

    later = ReplayFolder(tmp_path)
    later.path()
    assert (killed.exists(), kept.is_dir(), checkpoints.is_dir()) == (False, True, True)
    later.end()
    under_way.end()
    assert list(tmp_path.iterdir()) == [checkpoints]
