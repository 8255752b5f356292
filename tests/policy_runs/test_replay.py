"""A policy's run replayed from its stored rollouts and rewards comes to the same weights, byte by byte."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from optimization.models import Checkpoint, PolicyJob, PolicyStep, RolloutGroup, Run, WorkItem
from optimization.runs.policy.storage import packed, unpacked
from optimization.runs.replays import run_replay
from optimization.runs.services import run_fork

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]
Play = Callable[[Run], Run]
WITHOUT_TESTS = {"eval_frequency": 0}


def rows() -> list[Any]:
    tables = (Checkpoint, PolicyJob, PolicyStep, RolloutGroup, WorkItem)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def test_it_comes_to_the_same_bytes_and_writes_nothing(
    launch: Launch, play: Play, policy_folder: Path
) -> None:
    run = play(launch(iterations=3))
    before, files = rows(), sorted(policy_folder.rglob("*"))

    found = run_replay(run)

    assert found.equal, found.words
    size = sum(
        (Path(one.path) / name).stat().st_size
        for one in Checkpoint.objects.filter(run=run)
        for name in ("model.safetensors", "optimizer.safetensors")
    )
    assert (found.iterations, found.rollouts, found.values, found.bytes) == (3, 3 * 12 + 4 * 2, 3, size)
    assert "from 44 stored rollouts" in found.words
    assert "All 3 checkpoints came out byte-equal" in found.words
    assert (rows(), sorted(policy_folder.rglob("*"))) == (before, files)
    call_command("runs", "replay", str(run.pk))
    assert run.events.latest("seq").payload == {"equal": True, "words": found.words}


def test_a_reward_a_token_or_weights_that_were_changed_are_found(launch: Launch, play: Play) -> None:
    run = play(launch(iterations=1, args=WITHOUT_TESTS))
    group = RolloutGroup.objects.filter(run=run).earliest("pk")

    rewards = group.rewards
    group.rewards = [1.0 - reward for reward in rewards]
    group.save(update_fields=["rewards"])
    assert "group 1 is rewarded otherwise than it is stored" in run_replay(run).words

    sample = group.samples[0]
    log_probs = unpacked(sample["log_probs"])
    group.rewards = rewards
    group.samples[0] = sample | {"log_probs": packed([log_probs[0] - 0.1, *log_probs[1:]])}
    group.save(update_fields=["rewards", "samples"])
    found = run_replay(run)
    assert not found.equal
    assert "has other bytes than what is stored. The greatest difference of a number is" in found.words

    group.samples[0] = sample
    group.save(update_fields=["samples"])
    assert run_replay(run).equal
    weights = Path(Checkpoint.objects.get(run=run).path) / "model.safetensors"
    stored = bytearray(weights.read_bytes())
    stored[-1] ^= 1
    weights.write_bytes(bytes(stored))
    assert "model.safetensors has other bytes" in run_replay(run).words


def test_removed_weights_are_made_again_on_the_way(launch: Launch, play: Play) -> None:
    run = play(launch(iterations=5, checkpoints_kept=2, args=WITHOUT_TESTS))
    kept = Checkpoint.objects.filter(run=run, removed_at=None).count()

    found = run_replay(run)

    assert found.equal, found.words
    assert found.values == kept < 5
    assert "Weights that the run removed were made again" in found.words


def test_a_fork_is_replayed_from_the_weights_that_it_shares(
    launch: Launch, play: Play, operator: User
) -> None:
    parent = play(launch(iterations=2, args=WITHOUT_TESTS))
    fork = play(run_fork(run=parent, user=operator, iteration=1))

    found = run_replay(fork)

    assert (found.equal, found.iterations, found.values) == (True, 1, 1), found.words


def test_a_step_with_nothing_to_learn_from_is_one_again(launch: Launch, play: Play, letters: str) -> None:
    never = {"name": "VerifierLoss", "args": {"verifier": {"name": "regex", "pattern": "^(?!)"}}}
    component = {"name": "never", "dataset": letters, "prompt": "{text} ", "reward": never}
    run = play(launch(components=[component], iterations=1, args=WITHOUT_TESTS))

    found = run_replay(run)

    assert found.equal, found.words
    assert "Everything came out as it is stored; no weights were compared." in found.words


def test_on_a_gpu_bytes_are_not_held_against_each_other_and_that_is_said(launch: Launch, play: Play) -> None:
    """There is none here: the journal says that the step was taken on one, and the weights differ a little."""
    run = play(launch(iterations=1, args=WITHOUT_TESTS))
    PolicyJob.objects.filter(item__run=run, item__kind="train").update(device="cuda:0")
    weights = Path(Checkpoint.objects.get(run=run).path) / "model.safetensors"
    stored = bytearray(weights.read_bytes())
    stored[-4] ^= 1
    weights.write_bytes(bytes(stored))

    found = run_replay(run)

    assert found.equal
    assert "On a GPU sums come in no fixed order" in found.words
    assert "The greatest difference of a number is" in found.words


def test_a_worker_without_torch_says_how_to_install_it(
    launch: Launch, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play(launch(iterations=1, args=WITHOUT_TESTS))
    monkeypatch.setattr("optimization.runs.policy.replaying.find_spec", lambda name: None)

    assert "manage.py install_policies" in run_replay(run).words


def test_a_base_that_is_gone_is_said_in_words(launch: Launch, play: Play, tmp_path: Path) -> None:
    run = play(launch(iterations=1, args=WITHOUT_TESTS))
    Run.objects.filter(pk=run.pk).update(config=run.config | {"base": str(tmp_path / uuid.uuid4().hex)})
    run.refresh_from_db()

    assert "it could not be taken again" in run_replay(run).words
