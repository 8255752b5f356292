"""Where policies live on the disk, and rollouts in the database.

Of a rollout's numbers nothing is lost: tokens and log-probabilities are kept as the 32 bits that they are.
"""

from __future__ import annotations

import base64
import shutil
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from optimization.models import Checkpoint, WorkItem
from optimization.policy.rollouts import Prompt, Rollout
from optimization.runs.policy.config import BEGINNER


def run_folder(run_id: int) -> Path:
    return Path(settings.POLICY_DIR) / f"run-{run_id}"


def job_folder(item: WorkItem) -> Path:
    """Of this attempt alone: one that lost its lease may still be writing into its own."""
    return run_folder(item.run_id) / "jobs" / f"{item.pk}-{item.fence}"


def checkpoint_folder(item: WorkItem, step: int) -> Path:
    """Of this attempt alone."""
    return run_folder(item.run_id) / "checkpoints" / f"{step:05d}-{item.pk}-{item.fence}"


def base_path(base: str) -> str:
    """What a job loads the model from: a folder or a name; the one that is made from scratch has a folder here."""
    return str(Path(settings.POLICY_DIR) / "bases" / "beginner") if base == BEGINNER else base


def folder_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def folder_let_go(path: str) -> None:
    """Remove a checkpoint's folder, unless a run still has it: a fork shares its parent's."""
    if not Checkpoint.objects.filter(path=path, removed_at=None).exists():
        shutil.rmtree(path, ignore_errors=True)


def jobs_sweep(item: WorkItem) -> None:
    """Remove what the item's attempts before this one left."""
    for folder in (run_folder(item.run_id) / "jobs").glob(f"{item.pk}-*"):
        if folder != job_folder(item):
            shutil.rmtree(folder, ignore_errors=True)


def packed(numbers: Iterable[float], kind: str = "f") -> str:
    """Numbers as text: "f" 32-bit floats, "i" 32-bit integers, "b" bytes."""
    return base64.b64encode(array(kind, numbers).tobytes()).decode()


def unpacked(text: str, kind: str = "f") -> list[Any]:
    numbers = array(kind)
    numbers.frombytes(base64.b64decode(text))
    return numbers.tolist()


def sample_stored(rollout: Rollout, pieces: Sequence[str]) -> dict[str, Any]:
    """A rollout as a group's row keeps it; `pieces` are its tokens as text."""
    stored: dict[str, Any] = {
        "text": _writable(rollout.text),
        "tokens": packed(rollout.tokens, "i"),
        "log_probs": packed(rollout.log_probs),
        "pieces": [_writable(piece) for piece in pieces],
        "temperature": rollout.temperature,
        "finished": rollout.finished,
    }
    if rollout.nucleus is not None:
        stored["nucleus"] = rollout.nucleus
    if rollout.mask is not None:
        stored["mask"] = packed(rollout.mask, "b")
    return stored


def _writable(text: str) -> str:
    """Without NUL, which PostgreSQL does not take in a text; the tokens say what it was."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def sampled_of(sample: dict[str, Any]) -> list[bool]:
    """For each token, whether the policy sampled it."""
    if "mask" in sample:
        return list(map(bool, unpacked(sample["mask"], "b")))
    return [True] * len(sample["pieces"])


def rollout_read(
    sample: dict[str, Any],
    *,
    prompt_tokens: Sequence[int],
    prompt: Prompt,
    source: str,
    group: int,
    checkpoint: str,
) -> Rollout:
    """The rollout again, bit for bit."""
    return Rollout(
        source=source,
        group=group,
        prompt=prompt,
        prompt_tokens=tuple(prompt_tokens),
        tokens=tuple(unpacked(sample["tokens"], "i")),
        mask=tuple(sampled_of(sample)) if "mask" in sample else None,
        log_probs=tuple(unpacked(sample["log_probs"])),
        nucleus=sample.get("nucleus"),
        temperature=sample["temperature"],
        text=sample["text"],
        finished=sample["finished"],
        checkpoint=checkpoint,
    )
