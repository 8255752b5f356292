"""Launching a policy's run: everything is checked before a row is written, and each error names its field."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import cast

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from optimization.losses import LossModule
from optimization.models import DatasetVersion, RolloutSource, Run, RunKind, Workspace
from optimization.runs.arguments import ArgumentError
from optimization.runs.checks import Errors, LaunchError
from optimization.runs.engine.pins import policy_pins
from optimization.runs.events import event_emit
from optimization.runs.policy.backend import backend_check
from optimization.runs.policy.config import ComponentChoice, PolicyRunConfig
from optimization.runs.policy.rewards import REWARDS, reward_made
from optimization.runs.signals import run_due
from optimization.trainers.effects import Split, TrainerState
from optimization.trainers.plan import PlanError
from optimization.trainers.policies import POLICY_TRAINERS, PPOAlgorithm

OFF = ("/kind", "Policies are switched off on this machine: unset HANDGRAD_POLICIES.")


def policy_launch(*, workspace: Workspace, user: User, config: PolicyRunConfig, name: str) -> Run:
    """Check the launch, write the run and set it going. Raises LaunchError."""
    sources, state = policy_check(workspace, config)
    with transaction.atomic():
        run = Run.objects.create(
            workspace=workspace,
            kind=RunKind.POLICY,
            name=name or f"{config.trainer.name.removesuffix('Trainer')}, {sources[0].dataset.title}"[:160],
            dataset_version=sources[0],
            config=config.model_dump(mode="json"),
            pins=policy_pins(config),
            state_since=Now(),
            reason="Launched.",
            trainer_state=state.model_dump(mode="json"),
            budget=config.budget,
            created_by=user,
        )
        RolloutSource.objects.bulk_create(
            RolloutSource(run=run, index=index, name=component.name, dataset_version=version)
            for index, (component, version) in enumerate(zip(config.components, sources, strict=True))
        )
        event_emit(run.pk, "launched")
        transaction.on_commit(partial(run_due.send, sender=Run, run_id=run.pk))
    return Run.objects.get(pk=run.pk)


def policy_check(workspace: Workspace, config: PolicyRunConfig) -> tuple[list[DatasetVersion], TrainerState]:
    """Make every choice on trial: the data of each component and the state to begin with. Raises LaunchError with all
    that is wrong."""
    errors: Errors = []
    if settings.POLICIES == "off":
        errors.append(OFF)
    sources = [
        _component_checked(workspace, component, f"/components/{place}", errors)
        for place, component in enumerate(config.components)
    ]
    errors += backend_check(config)
    found = [version for version in sources if version is not None]
    state = None
    try:
        trainer, state = policy_prepared(config, [version.sizes for version in found])
        if not errors:
            errors += _misfits(config, trainer)
    except PlanError as error:
        errors += [(f"/trainer/args{pointer}", message) for pointer, message in error.errors]
    except ValueError as error:
        # Where a dataset is missing, that is what is wrong.
        errors += [] if errors else [("/components", str(error))]
    if errors or state is None:
        raise LaunchError(list(dict.fromkeys(errors)))
    return found, state


def policy_prepared(
    config: PolicyRunConfig, sizes: list[Mapping[Split, int]]
) -> tuple[PPOAlgorithm, TrainerState]:
    """The trainer with its plan, and the state that a run begins with. Raises PlanError or ValueError."""
    if config.trainer.name not in POLICY_TRAINERS:
        known = ", ".join(POLICY_TRAINERS)
        raise PlanError(
            config.trainer.name, [("/name", f"“{config.trainer.name}” is not known; use one of {known}.")]
        )
    trainer = POLICY_TRAINERS[config.trainer.name]()
    return trainer, trainer.prepare(sizes, seed=config.seed, **config.trainer.args)


def policy_trainer(run: Run) -> PPOAlgorithm:
    config = PolicyRunConfig.model_validate(run.config)
    sizes = run.sources.order_by("index").values_list("dataset_version__sizes", flat=True)
    return policy_prepared(config, cast("list[Mapping[Split, int]]", list(sizes)))[0]


def _component_checked(
    workspace: Workspace, component: ComponentChoice, pointer: str, errors: Errors
) -> DatasetVersion | None:
    try:
        reward_made(component.reward)
    except ArgumentError as error:
        errors += [(f"{pointer}/reward/args{inner}", message) for inner, message in error.errors]
    except (TypeError, ValueError) as error:
        place = "args" if component.reward.name in REWARDS else "name"
        errors.append((f"{pointer}/reward/{place}", str(error)))
    version = (
        DatasetVersion.objects.filter(dataset__workspace=workspace, dataset__name=component.dataset)
        .select_related("dataset")
        .order_by("-number")
        .first()
    )
    if version is None:
        errors.append((f"{pointer}/dataset", f"There is no dataset “{component.dataset}” in this workspace."))
        return None
    first = version.examples.first()
    missing = sorted(set(component.slots) - set(first.inputs if first else ()))
    if first and missing:
        brings = ", ".join(sorted(first.inputs))
        asked = ", ".join(missing)
        errors.append(
            (f"{pointer}/prompt", f"The prompt asks for {asked}, and “{component.dataset}” brings {brings}.")
        )
    return version


def _misfits(config: PolicyRunConfig, trainer: PPOAlgorithm) -> Errors:
    """Rewards that cannot judge so many completions of a prompt together."""
    errors: Errors = []
    copies = {"/trainer/args/group_size": trainer.plan.group_size}
    if trainer.plan.eval_frequency:
        copies["/trainer/args/num_eval_samples"] = trainer.plan.num_eval_samples
    for place, component in enumerate(config.components):
        loss: LossModule = reward_made(component.reward)
        if not loss.gives_score:
            errors.append(
                (f"/components/{place}/reward", "It gives remarks and no score: choose another one.")
            )
        for pointer, count in copies.items():
            if loss.compares and (problem := loss.misfit(count)):
                errors.append((pointer, f"{problem} “{component.name}” is rewarded by it."))
    return errors
