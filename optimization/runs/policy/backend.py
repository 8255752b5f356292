"""The backend that takes a run's steps, with the keyword arguments of its `train`, as the signature spells them."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from optimization.backends import BACKENDS
from optimization.backends.arguments import check_arguments
from optimization.policy.jobs.spec import TrainArguments
from optimization.runs.checks import Errors
from optimization.runs.policy.config import PolicyRunConfig

HERE = "LocalBackend"
# What the trainer of a run leaves to its backend.
OF_THE_BACKEND = (
    *("learning_rate", "epsilon", "epsilon_high", "beta", "discount", "scale_rewards", "old_log_probs"),
)
# Arguments that have no meaning in a run, with what there is instead.
NOT_IN_A_RUN = {
    "save_checkpoint": "A run goes on from its checkpoints, so each step keeps one: leave this out.",
    "plot_tensors": "A run shows the tokens of every step on its own pages: leave this out.",
    "allow_training_without_logprobs": "A run notes the log-probabilities of all that it samples: leave this out.",
}


def backend_check(config: PolicyRunConfig) -> Errors:
    """(JSON pointer, message) for all that is wrong with the backend; empty where the trainer's own loss is taken."""
    chosen = config.backend
    if chosen is None:
        return []
    if chosen.name not in BACKENDS:
        known = ", ".join(BACKENDS)
        return [("/backend/name", f"“{chosen.name}” is not known; use one of {known}.")]
    errors = [
        (f"/backend/args{pointer}", message)
        for pointer, message in check_arguments(BACKENDS[chosen.name], chosen.args)
    ]
    if chosen.name != HERE:
        words = f"{chosen.name} has its arguments, and no service to train on yet: {HERE} takes the steps of a run."
        return [*errors, ("/backend/name", words)]
    return errors or [*_out_of_range(chosen.args), *_misplaced(config, chosen.args)]


def backend_arguments(config: PolicyRunConfig) -> TrainArguments | None:
    """As the step's job takes them."""
    return None if config.backend is None else TrainArguments.model_validate(config.backend.args)


def _out_of_range(arguments: dict[str, Any]) -> Errors:
    given = {name: value for name, value in arguments.items() if name not in NOT_IN_A_RUN}
    try:
        TrainArguments.model_validate(given)
    except ValidationError as error:
        return [
            (f"/backend/args/{found['loc'][0]}", f"{found['msg']}, not {found['input']!r}.")
            for found in error.errors()
        ]
    return []


def _misplaced(config: PolicyRunConfig, arguments: dict[str, Any]) -> Errors:
    errors: Errors = [
        (f"/backend/args/{name}", words) for name, words in NOT_IN_A_RUN.items() if name in arguments
    ]
    if config.trainer.name != "GRPOTrainer":
        words = f"{HERE} judges each completion against its group: choose GRPOTrainer."
        errors.append(("/trainer/name", words))
    errors += [
        (
            f"/trainer/args/{name}",
            f"The arguments of {HERE} say how it learns: leave this out, or the backend.",
        )
        for name in OF_THE_BACKEND
        if name in config.trainer.args
    ]
    return errors
