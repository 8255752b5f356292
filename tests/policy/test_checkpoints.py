"""Checkpoints: whole or not there, and from each a run goes on to the same weights, byte for byte."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from optimization.policy.errors import CheckpointError
from optimization.policy.folders import prune, sweep, write_folder
from optimization.policy.models import load_model
from optimization.policy.ppo import PPOTrainer
from optimization.policy.tokenisation import ByteTokenizer
from optimization.policy.transformer import Architecture, Transformer
from tests.policy.builders import component, grpo, ppo, tiny


def same(one: PPOTrainer, other: PPOTrainer) -> bool:
    return all(map(torch.equal, one.policy.parameters(), other.policy.parameters()))


def test_a_restored_run_goes_on_to_the_same_weights_byte_for_byte(tmp_path: Path) -> None:
    """Without the optimizer's moments or the count of steps, the next step would differ."""
    through, interrupted = grpo(learning_rate=1e-2), grpo(learning_rate=1e-2)
    through.train(5)
    interrupted.train(3, checkpoints=tmp_path)

    again = grpo(learning_rate=1e-2)
    again.restore(tmp_path / "latest")
    again.train(5)

    assert again.steps == 5
    assert same(through, again)
    assert same(through, again) != same(through, interrupted)


def test_the_reference_of_a_restored_run_is_the_policy_at_the_start(tmp_path: Path) -> None:
    trainer = ppo(learning_rate=1e-2)
    trainer.train(2, checkpoints=tmp_path)
    again = ppo(learning_rate=1e-2)

    again.restore(tmp_path / "latest")

    assert not same(again, ppo())
    assert all(map(torch.equal, again.reference.parameters(), tiny().parameters()))


def test_torchs_own_random_state_is_restored_for_those_who_draw_from_it(tmp_path: Path) -> None:
    trainer = ppo()
    trainer.save(tmp_path / "here")
    drawn = torch.rand(3)

    trainer.restore(tmp_path / "here")

    assert torch.equal(torch.rand(3), drawn)


def test_a_checkpoint_is_a_model_that_can_be_loaded(tmp_path: Path) -> None:
    trainer = ppo(learning_rate=1e-2)
    trainer.train(1, checkpoints=tmp_path)

    model, tokenizer = load_model(tmp_path / "latest")

    assert isinstance(tokenizer, ByteTokenizer)
    assert all(map(torch.equal, model.parameters(), trainer.policy.parameters()))


def test_a_checkpoint_of_another_architecture_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    ppo().save(tmp_path / "small")
    larger = ppo(Transformer(Architecture(context=64, width=32, layers=2, heads=2)))
    before = [weight.clone() for weight in larger.policy.parameters()]

    with pytest.raises(
        CheckpointError, match=r"another architecture.*wte.weight is \(258, 16\) there and \(258, 32\) here"
    ):
        larger.restore(tmp_path / "small")
    assert all(map(torch.equal, before, larger.policy.parameters()))


def test_a_checkpoint_with_fewer_layers_is_refused(tmp_path: Path) -> None:
    ppo().save(tmp_path / "two")
    deeper = ppo(Transformer(Architecture(context=64, width=16, layers=3, heads=2)))

    with pytest.raises(CheckpointError, match=r"transformer.h.2.* is missing there"):
        deeper.restore(tmp_path / "two")


def test_a_checkpoint_of_other_components_or_another_order_is_refused(tmp_path: Path) -> None:
    ppo(components=[component("a"), component("b")]).save(tmp_path / "here")

    with pytest.raises(ValueError, match="made with the components a, b; this trainer has b, a"):
        ppo(components=[component("b"), component("a")]).restore(tmp_path / "here")


@pytest.mark.parametrize("damage", ["model.safetensors", "optimizer.safetensors", "counters.json"])
def test_a_damaged_checkpoint_is_refused_in_words(tmp_path: Path, damage: str) -> None:
    trainer = ppo()
    trainer.train(1, checkpoints=tmp_path)
    (tmp_path / "latest" / damage).write_bytes(b"{")

    with pytest.raises(CheckpointError, match=r"cannot be read: .* Go back to an earlier one"):
        trainer.restore(tmp_path / "latest")


def test_a_checkpoint_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no checkpoint at"):
        ppo().restore(tmp_path / "nowhere")


# -- folders ---------------------------------------------------------------------------------------------------


def writes(text: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / "file").write_text(text), None][1]  # type: ignore[return-value]


def test_a_folder_is_replaced_in_one_step(tmp_path: Path) -> None:
    write_folder(tmp_path / "it", writes("old"))
    write_folder(tmp_path / "it", writes("new"))

    assert (tmp_path / "it" / "file").read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["it"]


def test_a_folder_whose_writing_fails_is_what_it_was(tmp_path: Path) -> None:
    write_folder(tmp_path / "it", writes("old"))

    def fails(folder: Path) -> None:
        (folder / "file").write_text("half")
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        write_folder(tmp_path / "it", fails)
    assert (tmp_path / "it" / "file").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["it"]


@pytest.mark.parametrize(("point", "found"), [("checkpoint_written", "old"), ("checkpoint_moved", "old")])
def test_a_process_that_dies_while_it_replaces_a_folder_leaves_one_of_the_two(
    tmp_path: Path, point: str, found: str
) -> None:
    write_folder(tmp_path / "it", writes("old"))
    program = (
        "from pathlib import Path; from optimization.policy.folders import write_folder; "
        f"write_folder(Path({str(tmp_path / 'it')!r}), lambda f: (f / 'file').write_text('new'))"
    )

    died = subprocess.run([sys.executable, "-c", program], env={"HANDGRAD_POLICY_FAULT": point}, check=False)
    sweep(tmp_path / "it")

    assert died.returncode == -9
    assert (tmp_path / "it" / "file").read_text() == found
    assert [entry.name for entry in tmp_path.iterdir()] == ["it"]


def test_a_full_disk_is_said_in_words_and_the_last_good_checkpoint_stays(tmp_path: Path) -> None:
    """A limit on the size of a file stands in for the end of the disk: the system refuses both the same way."""
    trainer = ppo(learning_rate=1e-2)
    trainer.train(1, checkpoints=tmp_path)
    good = load_file(tmp_path / "latest" / "model.safetensors")
    program = f"""
import resource, signal
from pathlib import Path
from tests.policy.builders import ppo
trainer = ppo(learning_rate=1e-2)
trainer.restore(Path({str(tmp_path / "latest")!r}))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    trainer.train(2, checkpoints=Path({str(tmp_path)!r}))
except Exception as error:
    print(type(error).__name__, error)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert said.startswith("CheckpointError The checkpoint")
    assert "There is no room" in said
    assert "What was there before is untouched" in said
    assert [entry.name for entry in tmp_path.iterdir()] == ["latest"]
    after = load_file(tmp_path / "latest" / "model.safetensors")
    assert all(torch.equal(good[name], after[name]) for name in good)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_pruning_keeps_what_is_named(tmp_path: Path) -> None:
    for name in ("0001", "0002", "0003", ".partial-x"):
        (tmp_path / name).mkdir()

    assert prune(tmp_path, {"0003"}) == ["0001", "0002"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".partial-x", "0003"]
