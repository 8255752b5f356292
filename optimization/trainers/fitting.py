"""Do a trainer and its judges fit? Asked before the first example, in a notebook and at a launch alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from optimization.losses import LossModule
from optimization.trainers.effects import Split
from optimization.trainers.guide import Judge
from optimization.trainers.trainer import Trainer

Targets = Callable[[Split], Iterable[Any]]


def misfits(trainer: Trainer, guides: Mapping[Split, Judge], targets: Targets) -> Iterator[tuple[Split, str]]:
    """(guide, message) pairs; `targets` gives the targets of a split. The trainer is prepared.

    Of what a guide does, only a loss can be known in advance.
    """
    losses = {split: guide for split, guide in guides.items() if isinstance(guide, LossModule)}
    plan, name = trainer.plan, type(trainer).__name__
    for split in sorted(trainer.decides_by & losses.keys()):
        if not losses[split].gives_score:
            yield (
                split,
                f"{name} decides by scores, and {_name(losses[split])} gives none. Use a loss with scores "
                "(rubric, verifier), or an algorithm that needs none: MinibatchAlgorithm without ensure_improvement.",
            )
    learns_from = losses.get("train")
    if learns_from is not None and learns_from.compares:
        if plan.num_samples > 1:
            yield from _compared(trainer, learns_from)
        else:
            yield from _against_targets(learns_from, "train", "train", targets)
    for guide, split in _evaluations(trainer):
        loss = losses.get(guide)
        if loss is not None and loss.compares and not (guide == "train" and plan.num_samples > 1):
            yield from _against_targets(loss, guide, split, targets)
    if "test" in losses and trainer.tests_after(0) and not losses["test"].gives_score:
        yield (
            "test",
            f"{_name(losses['test'])} gives no scores, so that judging the test split would be for nothing. Use a "
            "judge with scores (rubric, verifier), or eval_frequency=0.",
        )


def _compared(trainer: Trainer, loss: LossModule) -> Iterator[tuple[Split, str]]:
    """What is wrong with judging the training samples by each other."""
    samples = trainer.plan.num_samples
    problem = loss.misfit(samples)
    if problem:
        yield "train", f"num_samples is {samples}: {problem}"
    if "train" in trainer.decides_by:
        yield (
            "train",
            f"{_name(loss)} compares the samples of one prompt with each other, which says nothing of whether another "
            f"prompt is better, and {type(trainer).__name__} decides by that. Leave ensure_improvement out, or use a "
            "loss that judges each output by itself (rubric, verifier).",
        )


def _evaluations(trainer: Trainer) -> Iterator[tuple[Split, Split]]:
    """Which guide judges which split where candidates are evaluated."""
    if "train" in trainer.decides_by:
        yield "train", "train"
    if "validate" in trainer.decides_by:
        yield "validate", "validate" if trainer.sizes.get("validate") else "train"
    if trainer.tests_after(0):
        yield "test", "test"


def _against_targets(
    loss: LossModule, guide: Split, split: Split, targets: Targets
) -> Iterator[tuple[Split, str]]:
    """What is wrong with comparing each output of a split with its target; the first example that has it tells."""
    problems = (loss.misfit_target(target) for target in targets(split))
    found = next(((number, problem) for number, problem in enumerate(problems, 1) if problem), None)
    if found is not None:
        samples = " ask for num_samples=2 or more, which are then compared," if guide == "train" else ""
        yield (
            guide,
            f"Example {found[0]} of the split {split}: {found[1]} Give every example its target,{samples} or use a loss "
            "that judges each output by itself (rubric, verifier).",
        )


def _name(loss: LossModule) -> str:
    return type(loss).__name__
