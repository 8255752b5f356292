"""What `train` refuses before the first example: settings, datasets, judges and owners that cannot do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from inspect import Signature
from pathlib import Path
from typing import Any

from optimization.core import Module
from optimization.optimizers import Optimizer
from optimization.trainers.driver import Dataset
from optimization.trainers.effects import Split
from optimization.trainers.fitting import misfits
from optimization.trainers.guide import Judge
from optimization.trainers.plan import PlanError
from optimization.trainers.trainer import Trainer


def checked(split: str, data: Any) -> Dataset:
    """The dataset, if it has an info for each input; ValueError otherwise."""
    wanted = f'The {split} dataset is {{"inputs": [...], "infos": [...]}}, two lists of one length'
    if not isinstance(data, Mapping):
        raise ValueError(f"{wanted}, not {type(data).__name__}.")
    for name in ("inputs", "infos"):
        if name not in data:
            raise ValueError(f"{wanted}; it has no {name}, it has {', '.join(map(str, data)) or 'nothing'}.")
        if isinstance(data[name], str) or not hasattr(data[name], "__getitem__"):
            raise ValueError(f"{wanted}; its {name} are {type(data[name]).__name__}.")
    inputs, infos = len(data["inputs"]), len(data["infos"])
    if inputs != infos:
        raise ValueError(f"{wanted}; it has {inputs} inputs and {infos} infos.")
    return data


def check_trained(trainer: Trainer) -> Module:
    """The agent, if the trainer has one whose parameters its optimizer holds."""
    agent, optimizer, name = trainer.agent, trainer.optimizer, type(trainer).__name__
    if not isinstance(agent, Module):
        what = "no agent" if agent is None else f"an agent that is no Module but {type(agent).__name__}"
        raise RuntimeError(f"{name} has {what}: make it as {name}(agent, optimizer).")
    if not isinstance(optimizer, Optimizer):
        raise RuntimeError(f"{name} has no optimizer: make it as {name}(agent, optimizer) to train.")
    held = {id(parameter) for parameter in optimizer.named_parameters().values()}
    if not any(parameter.requires_grad and id(parameter) in held for parameter in agent.parameters()):
        raise ValueError(
            f"The optimizer holds none of the parameters of {type(agent).__name__} that learn, so training would change "
            "nothing. Make it from agent.parameters(), and give a text that learns as Parameter(text, description)."
        )
    return agent


def check_names(trainer: Trainer, arguments: Mapping[str, Any], keywords: Signature) -> None:
    """Raise PlanError for an argument that neither `train`, of this signature, nor the algorithm has."""
    own = [name for name, keyword in keywords.parameters.items() if keyword.kind is keyword.KEYWORD_ONLY]
    known = [*trainer.Plan.model_fields, *own]
    if unknown := [name for name in arguments if name not in known]:
        raise PlanError(
            type(trainer).__name__,
            [(f"/{name}", f"no such argument; {_meant(name, known)}") for name in unknown],
        )


def check_keywords(
    log_frequency: int | None,
    save_frequency: int | None,
    save_path: str | Path,
    verbose: bool | str,
    seed: int,
) -> None:
    """Raise ValueError that names the keyword of `train` that makes no sense."""
    for name, value in (("log_frequency", log_frequency), ("save_frequency", save_frequency)):
        if value is not None and (not isinstance(value, int) or value < 0):
            raise ValueError(f"{name} is every how many iterations, 0 for never, not {value!r}.")
    if save_frequency and Path(save_path).is_dir():
        raise ValueError(f"save_path is the file that the agent is saved to, and {save_path} is a folder.")
    if verbose not in (True, False, "output"):
        raise ValueError(f"verbose is True, False or 'output', not {verbose!r}.")
    if not isinstance(seed, int):
        raise ValueError(f"seed is a whole number, not {seed!r}.")


def _meant(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"it takes {', '.join(known)}"


def several(name: str, given: Any) -> list[Any]:
    """The callables of a list; TypeError for a single one, and for what cannot be called."""
    if not isinstance(given, Iterable) or not all(callable(item) for item in given):
        raise TypeError(
            f"{name} is a list of what can be called, not {given!r}; write [...] also around one."
        )
    return list(given)


def check_fitting(trainer: Trainer, guides: Mapping[Split, Judge], datasets: Mapping[Split, Dataset]) -> None:
    """Raise ValueError, in words, for guides that cannot judge what the trainer will ask of them."""
    problems = [
        message for _, message in misfits(trainer, guides, lambda split: iter(datasets[split]["infos"]))
    ]
    if problems:
        raise ValueError(" ".join(dict.fromkeys(problems)))


def check_bound(*owners: Any) -> None:
    """Raise RuntimeError, which says what to bind, before the first example rather than at each of them."""
    for owner in owners:
        if isinstance(owner, Optimizer):
            for group in owner.param_groups:
                owner.client_of(group)
        for module in owner.modules() if isinstance(owner, Module) else ():
            if hasattr(module, "alias"):
                _ = module.resources
