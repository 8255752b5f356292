"""From a run's stored choices to living objects: trainer, program, losses and optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from optimization.core import Module, Parameter
from optimization.losses import LOSSES, CompositeLoss, LossModule
from optimization.models import Candidate, ProgramVersion
from optimization.optimizers import OPTIMIZERS, Optimizer
from optimization.programs import build_program, get_program
from optimization.runs.arguments import ArgumentError, arguments_check
from optimization.runs.config import Choice, RunConfig
from optimization.trainers import TRAINERS, Trainer
from optimization.trainers.effects import Split, TrainerState

T = TypeVar("T")


def trainer_prepared(config: RunConfig, sizes: Mapping[Split, int]) -> tuple[Trainer, TrainerState]:
    """The trainer with its plan, and the state that a run begins with. Raises PlanError or ValueError.

    The run's iterations bound it; epochs do only where they are asked for.
    """
    trainer = TRAINERS[config.trainer.name]()
    return trainer, trainer.prepare(sizes, seed=config.seed, **{"num_epochs": None, **config.trainer.args})


def program_of(version: ProgramVersion) -> Module:
    """A fresh module, with the program's own parameter values."""
    registered = version.spec.get("registered")
    return get_program(registered).build() if registered else build_program(version.spec)


def program_inputs(version: ProgramVersion) -> tuple[str, ...]:
    """The names that each example must give."""
    registered = version.spec.get("registered")
    return tuple(get_program(registered).inputs if registered else version.spec["inputs"])


def program_at(candidate: Candidate) -> Module:
    """A fresh module with the candidate's parameter values."""
    program = program_of(candidate.run.program)
    program.load_state_dict(dict(candidate.versions.values_list("name", "value")))
    return program


def loss_made(choice: Choice) -> LossModule:
    """The loss; one that asks people asks them at the desk in use. Raises ArgumentError, or ValueError in words."""
    args = arguments_check(_known(choice.name, LOSSES), choice.args)
    if choice.name == CompositeLoss.__name__:
        args["losses"] = [
            (_member_made(place, member), weight) for place, (member, weight) in enumerate(args["losses"])
        ]
    return LOSSES[choice.name](**args)


def _member_made(place: int, member: Choice) -> LossModule:
    try:
        return loss_made(member)
    except ArgumentError as error:
        inside = [(f"/losses/{place}/0/args{pointer}", message) for pointer, message in error.errors]
        raise ArgumentError(member.name, inside) from None
    except ValueError as error:
        raise ArgumentError(member.name, [(f"/losses/{place}/0", str(error))]) from None


def optimizer_made(choice: Choice, params: list[tuple[str, Parameter]]) -> Optimizer:
    """The optimizer over `params`. Raises ArgumentError, or ValueError in words."""
    cls = _known(choice.name, OPTIMIZERS)
    return cls(params, **arguments_check(cls, choice.args))


def _known(name: str, known: Mapping[str, type[T]]) -> type[T]:
    if name not in known:
        raise ValueError(f"“{name}” is not known; use one of {', '.join(known)}.")
    return known[name]


def judge_of(config: RunConfig) -> Choice:
    """Who scores what is not learned from: the run's judge, else the models that are asked the people's questions."""
    return config.judge or config.loss.by_models()
