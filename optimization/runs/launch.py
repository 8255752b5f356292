"""Launching a run: everything is checked before a row is written, and each error names its field."""

from __future__ import annotations

from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from optimization.core import Module
from optimization.models import (
    Candidate,
    DatasetVersion,
    Origin,
    ParameterVersion,
    ProgramVersion,
    Run,
    Workspace,
)
from optimization.runs.assembly import program_of
from optimization.runs.checks import LaunchError, launch_check
from optimization.runs.config import RunConfig
from optimization.runs.engine.pins import pins_for
from optimization.runs.events import event_emit
from optimization.runs.signals import run_due


def run_launch(*, workspace: Workspace, user: User, config: RunConfig, name: str) -> Run:
    """Check the launch, write the run with its first parameter versions and set it going. Raises LaunchError."""
    version = _latest_program(workspace, config.program)
    dataset = _latest_dataset(workspace, config.dataset)
    program = program_of(version)
    state = launch_check(config, version, dataset)
    with transaction.atomic():
        run = Run.objects.create(
            workspace=workspace,
            name=name or f"{version.program.title}, {dataset.dataset.title}",
            program_version=version,
            dataset_version=dataset,
            config=config.model_dump(mode="json"),
            pins=pins_for(config, version),
            state_since=Now(),
            reason="Launched.",
            trainer_state=state.model_dump(mode="json"),
            budget=config.budget,
            created_by=user,
        )
        _initial_candidate(run, program, state.candidate)
        event_emit(run.pk, "launched")
        transaction.on_commit(partial(run_due.send, sender=Run, run_id=run.pk))
    return Run.objects.get(pk=run.pk)


def _latest_program(workspace: Workspace, name: str) -> ProgramVersion:
    found = (
        ProgramVersion.objects.filter(program__workspace=workspace, program__name=name)
        .order_by("-number")
        .first()
    )
    if found is None:
        raise LaunchError([("/program", f"There is no program “{name}” in this workspace.")])
    return found


def _latest_dataset(workspace: Workspace, name: str) -> DatasetVersion:
    found = (
        DatasetVersion.objects.filter(dataset__workspace=workspace, dataset__name=name)
        .order_by("-number")
        .first()
    )
    if found is None:
        raise LaunchError([("/dataset", f"There is no dataset “{name}” in this workspace.")])
    return found


def _initial_candidate(run: Run, program: Module, key: str) -> None:
    versions = [
        ParameterVersion(
            run=run,
            name=name,
            number=1,
            value=str(parameter.value),
            description=parameter.description or "",
            origin=Origin.INITIAL,
        )
        for name, parameter in program.named_parameters()
        if parameter.requires_grad
    ]
    ParameterVersion.objects.bulk_create(versions)
    Candidate.objects.create(run=run, key=key).versions.set(run.parameter_versions.all())
