"""What a run is held to: a change of any pinned code parks the run before it can apply something."""

from __future__ import annotations

import hashlib
import inspect
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


def trainer_digest(name: str) -> str:
    """SHA-256 over the source of the trainer's class and of the classes it is made of."""
    sources = [
        inspect.getsource(cls)
        for cls in (TRAINERS.get(name) or POLICY_TRAINERS[name]).__mro__
        if cls.__module__.startswith("optimization.")
    ]
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()


def drift(run: Run) -> str:
    """In words, what differs from the pins; empty if nothing does."""
    config = config_of(run)
    if trainer_digest(config.trainer.name) != run.pins["trainer"]:
        return _parked(f"the code of the algorithm {config.trainer.name}")
    registered = run.program_version.spec.get("registered") if run.program_version else None
    if registered and program_digest(get_program(registered).build()) != run.pins["program"]:
        return _parked(f"the code of the program {registered}")
    if run.pins["state_schema"] != STATE_SCHEMA:
        return _parked("the layout of the stored state")
    return ""


def _parked(what: str) -> str:
    return (
        f"Since this run was launched, {what} has changed. Nothing was applied. Restore the pinned code and press "
        "Retry, or cancel the run and launch it again."
    )
