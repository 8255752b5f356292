"""Checkpoints from which a killed run goes on to the same weights, byte for byte: safetensors and JSON, no code.

A folder holds the model (a folder that `load_model` reads; with LoRA the adapters), `optimizer.safetensors`,
`random.safetensors` and `counters.json`. Draws are made from seeds of their own (run, step, purpose), so the random
state matters only to subclasses that draw from torch's own generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from optimization.policy.errors import CheckpointError
from optimization.policy.folders import sweep, write_folder
from optimization.policy.language_model import LanguageModel
from optimization.policy.learner import Learner
from optimization.policy.tokenisation import Tokenizer
from optimization.policy.weights import (
    export_weights,
    load_weights,
    placed,
    read_weights,
    whole,
    write_weights,
)

OPTIMIZER, RANDOM, COUNTERS = "optimizer.safetensors", "random.safetensors", "counters.json"


class Counters(BaseModel):
    """Where a trainer stands."""

    steps: int = 0
    trainer: str = ""
    components: tuple[str, ...] = ()


def write_checkpoint(
    folder: Path,
    learner: Learner,
    tokenizer: Tokenizer,
    counters: Counters,
) -> None:
    """Write all that a learner is, atomically. Where processes share a model, all call this and the first one writes."""
    weights = export_weights(learner.model)
    state = _optimizer_state(learner.model, learner.optimizer)

    def fill(partial: Path) -> None:
        write_weights(partial, learner.model, weights)
        tokenizer.save(partial)
        save_file(state, partial / OPTIMIZER)
        save_file(_random_state(), partial / RANDOM)
        (partial / COUNTERS).write_text(counters.model_dump_json(indent=1))

    if learner.ranks.first:
        write_folder(folder, fill)
    learner.ranks.wait()


def read_checkpoint(
    folder: Path,
    learner: Learner,
    components: tuple[str, ...] | None = None,
) -> Counters:
    """Bring policy, optimizer and random state to where they were; what the trainer stood at.

    Raises CheckpointError, with nothing changed, for a checkpoint that is missing, damaged or of another architecture,
    and ValueError for one of other components or of another order of them.
    """
    if learner.ranks.first:
        sweep(folder)
    learner.ranks.wait()
    if not folder.is_dir():
        raise CheckpointError(f"There is no checkpoint at {folder}.")
    try:
        counters = Counters.model_validate_json((folder / COUNTERS).read_text())
        state, random = load_file(folder / OPTIMIZER), load_file(folder / RANDOM)
        weights = read_weights(folder)
    except (OSError, SafetensorError, ValidationError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise CheckpointError(
            f"The checkpoint {folder} cannot be read: {said}. Go back to an earlier one."
        ) from error
    if components is not None and counters.components != components:
        raise ValueError(
            f"The checkpoint {folder} was made with the components {', '.join(counters.components) or 'none'}; this "
            f"trainer has {', '.join(components) or 'none'}. Give it the same components in the same order."
        )
    load_weights(learner.model, weights, f"The checkpoint {folder}")
    _load_optimizer(learner.model, learner.optimizer, state)
    torch.set_rng_state(random["cpu"])
    if "cuda" in random and torch.cuda.is_available():
        torch.cuda.set_rng_state(random["cuda"])
    return counters


def _optimizer_state(policy: LanguageModel, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{name}|{key}": whole(value)
        for name, parameter in policy.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def _load_optimizer(
    policy: LanguageModel, optimizer: torch.optim.Optimizer, saved: Mapping[str, Tensor]
) -> None:
    parameters = dict(policy.named_parameters())
    optimizer.state.clear()
    for full_name, value in saved.items():
        name, _, key = full_name.rpartition("|")
        parameter = parameters[name]
        # The count of steps stays on the CPU; moments lie as their weights do.
        optimizer.state[parameter][key] = value if value.ndim == 0 else placed(value, parameter)


def _random_state() -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state
