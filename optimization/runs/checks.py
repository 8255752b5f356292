"""What is checked before a run is launched; each error names its field by a JSON pointer into the config."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from optimization.feedback.assigning import Assignment, assignment_problem
from optimization.losses import LOSSES, LossModule
from optimization.models import DatasetVersion, Membership, ProgramVersion, Workspace
from optimization.optimizers import OPTIMIZERS, SettingsError
from optimization.runs.arguments import ArgumentError
from optimization.runs.assembly import (
    judge_of,
    loss_made,
    optimizer_made,
    program_inputs,
    program_of,
    trainer_prepared,
)
from optimization.runs.config import Choice, RunConfig
from optimization.trainers import TRAINERS, Trainer
from optimization.trainers.effects import Split, TrainerState
from optimization.trainers.fitting import misfits
from optimization.trainers.plan import PlanError

Errors = list[tuple[str, str]]


class LaunchError(ValueError):
    """The launch cannot go ahead: `errors` holds (JSON pointer into the config, message) pairs."""

    def __init__(self, errors: Errors) -> None:
        self.errors = errors
        super().__init__("; ".join(message for _, message in errors))


class ForkRefused(LaunchError):
    """The pointers of `errors` are into what was asked for, not into the config."""


def launch_check(config: RunConfig, version: ProgramVersion, dataset: DatasetVersion) -> TrainerState:
    """Make every choice on trial; the state that the trainer begins with. Raises LaunchError with all that is wrong."""
    errors = _unknown_names(config)
    if errors:
        raise LaunchError(errors)
    loss = judge = state = None
    with _noting(errors, "/loss"):
        loss = loss_made(config.loss)
    with _noting(errors, "/judge" if config.judge else "/loss"):
        judge = loss_made(judge_of(config))
    parameters = list(program_of(version).named_parameters())
    if any(parameter.requires_grad for _, parameter in parameters):
        with _noting(errors, "/optimizer"):
            optimizer_made(config.optimizer, parameters)
    else:
        errors.append(("/program", "No prompt of the program learns, so a run would change nothing."))
    with _noting(errors, "/trainer"):
        trainer, state = trainer_prepared(config, dataset.sizes)
        if loss is not None and judge is not None:
            errors += _misfits(trainer, loss, judge, dataset)
        errors += _unjudged(config, trainer, version.program.workspace)
    errors += _care(config, version.program.workspace)
    errors += _input_errors(version, dataset)
    if errors or state is None:
        raise LaunchError(list(dict.fromkeys(errors)))
    return state


def _misfits(trainer: Trainer, loss: LossModule, judge: LossModule, dataset: DatasetVersion) -> Errors:
    """What the judges cannot do of what the trainer will ask of them."""

    def targets(split: Split) -> Iterable[Any]:
        return dataset.examples.filter(split=split).order_by("position").values_list("target", flat=True)

    guides: dict[Split, LossModule] = {"train": loss, "validate": judge, "test": judge}
    return [
        ("/loss" if guide == "train" else "/judge", message)
        for guide, message in misfits(trainer, guides, targets)
    ]


def _care(config: RunConfig, workspace: Workspace) -> Errors:
    """What does not fit together of how people are asked."""
    people, errors = config.people, []
    if people.most is not None and people.most < people.wanted:
        errors.append(("/people/most", f"{people.wanted} judges are asked at once: allow as many or more."))
    if people.wanted < 2 and people.most is not None:
        errors.append(("/people/most", "How uncertain a score is shows from two judges on: ask 2 an output."))
    if people.wanted < 2 and people.review_below is not None:
        errors.append(("/people/review_below", "One judge cannot disagree: ask 2 an output or more."))
    to = Assignment(people.panel or None, people.person or None)
    if problem := assignment_problem(workspace, to, people.most or people.wanted):
        errors.append(("/people/person" if people.person else "/people/panel", problem))
    return errors


def _unjudged(config: RunConfig, trainer: Trainer, workspace: Workspace) -> Errors:
    """Outputs beyond those that people are to judge, where no rehearsal colleague judges them either."""
    asked = [min(trainer.plan.batch_size, trainer.sizes["train"])] if config.loss.asks_people else []
    if judge_of(config).asks_people:
        validated = trainer.sizes.get("validate") or trainer.sizes["train"]
        asked += [validated] if "validate" in trainer.decides_by else []
        asked += [trainer.sizes["test"]] if trainer.tests_after(0) else []
    most, to_people = max(asked, default=0), config.people.per_iteration
    if to_people is None or most <= to_people:
        return []
    if not config.people.rehearsal:
        said = f"Of {most} examples {to_people} go to people, and nobody judges the others"
        return [
            ("/people/per_iteration", f"{said}: leave it empty, or let rehearsal colleagues judge the rest.")
        ]
    if not Membership.objects.filter(workspace=workspace, is_rehearsal=True).exists():
        return [("/people/rehearsal", "This workspace has no rehearsal colleagues who could judge the rest.")]
    return []


def _unknown_names(config: RunConfig) -> Errors:
    choices: list[tuple[str, Choice, Mapping[str, object]]] = [
        ("/trainer", config.trainer, TRAINERS),
        ("/optimizer", config.optimizer, OPTIMIZERS),
        ("/loss", config.loss, LOSSES),
        ("/judge", judge_of(config), LOSSES),
    ]
    return [
        (f"{pointer}/name", f"“{choice.name}” is not known; use one of {', '.join(sorted(known))}.")
        for pointer, choice, known in choices
        if choice.name not in known
    ]


@contextmanager
def _noting(errors: Errors, pointer: str) -> Iterator[None]:
    try:
        yield
    except (ArgumentError, PlanError, SettingsError) as error:
        errors += [(f"{pointer}/args{inner}", message) for inner, message in error.errors]
    except (TypeError, ValueError) as error:
        errors.append((f"{pointer}/args", str(error)))


def _input_errors(version: ProgramVersion, dataset: DatasetVersion) -> Errors:
    """The dataset must bring every input that the program needs."""
    name, first = dataset.dataset.name, dataset.examples.first()
    if first is None or not dataset.sizes.get("train"):
        return [("/dataset", f"“{name}” has no examples to train on: import some with the split train.")]
    missing = sorted(set(program_inputs(version)) - set(first.inputs))
    if not missing:
        return []
    needs = f"The program needs the input{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
    brings = f"“{name}” brings {', '.join(sorted(first.inputs))}"
    return [("/dataset", f"{needs}, and {brings}. Rename the fields, or choose another dataset.")]
