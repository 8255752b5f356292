"""What a run is held to: a change of any pinned code parks the run before it can apply something."""

from __future__ import annotations

import hashlib
import inspect
from functools import cache
from typing import Any

from optimization.models import ProgramVersion, Run
from optimization.programs import get_program, program_digest
from optimization.runs.config import RunConfig
from optimization.runs.kinds import config_of
from optimization.runs.policy.config import PolicyRunConfig
from optimization.trainers import TRAINERS
from optimization.trainers.policies import POLICY_TRAINERS

STATE_SCHEMA = 1


def pins_for(config: RunConfig, program: ProgramVersion) -> dict[str, Any]:
    """The digests that a new run is launched under."""
    return {
        "trainer": trainer_digest(config.trainer.name),
        "program": program.digest,
        "state_schema": STATE_SCHEMA,
    }


def policy_pins(config: PolicyRunConfig) -> dict[str, Any]:
    """The digests that a new run of a policy is launched under."""
    return {"trainer": trainer_digest(config.trainer.name), "state_schema": STATE_SCHEMA}


def pins_now(run: Run) -> dict[str, Any]:
    """The digests of the code as it is now, for an iteration that is begun anew with it."""
    pins = {**run.pins, "trainer": trainer_digest(config_of(run).trainer.name)}
    if run.program_version is None:
        return pins
    registered = run.program_version.spec.get("registered")
    program = program_digest(get_program(registered).build()) if registered else run.program_version.digest
    return {**pins, "program": program}


def trainer_digest(name: str) -> str:
    """SHA-256 over the source of the trainer's class, of its plan and of the classes they are made of."""
    trainer = TRAINERS.get(name) or POLICY_TRAINERS[name]
    classes = [*trainer.__mro__, *trainer.Plan.__mro__]
    libraries = {"builtins", "pydantic", "typing"}
    sources = [_source(cls) for cls in classes if cls.__module__.partition(".")[0] not in libraries]
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()


@cache
def _source(cls: type) -> str:
    """The source of a class, which is that of its module parsed; a process keeps the code that it has loaded."""
    return inspect.getsource(cls)


def drift(run: Run) -> str:
    """In words, what differs from the pins; empty if nothing does."""
    config = config_of(run)
    if trainer_digest(config.trainer.name) != run.pins["trainer"]:
        return _parked(f"the code of the algorithm {config.trainer.name}")
    registered = run.program_version.spec.get("registered") if run.program_version else None
    if registered and program_digest(get_program(registered).build()) != run.pins["program"]:
        return _parked(f"the code of the program {registered}")
    if run.pins["state_schema"] != STATE_SCHEMA:
        return (
            "Since this run was launched, the layout of the stored state has changed. Nothing was applied. Restore the "
            "version that it was launched with and press Retry, or cancel the run and launch it again."
        )
    return ""


def _parked(what: str) -> str:
    return (
        f"Since this run was launched, {what} has changed. Nothing was applied. Restore the pinned code and press "
        "Retry, or begin the iteration anew: every call and answer that still fits is used again."
    )
