"""What a run can be made of: every loss, optimizer, algorithm and check by name, with a JSON schema of its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from optimization.losses import LOSSES
from optimization.losses.verifiers import BUILT_IN
from optimization.optimizers import OPTIMIZERS
from optimization.runs.arguments import arguments_model
from optimization.runs.labels import label_of
from optimization.trainers import TRAINERS, Plan

TITLES = {
    "VerifierLoss": "A check in code",
    "LLMFeedbackLoss": "Remarks of a model",
    "HumanFeedbackLoss": "Remarks of people",
    "LLMRubricLoss": "A rubric, by a model",
    "HumanRubricLoss": "A rubric, by people",
    "LLMPreferenceLoss": "The better of two, by a model",
    "HumanPreferenceLoss": "The better of two, by people",
    "LLMRankingLoss": "A ranking, by a model",
    "HumanRankingLoss": "A ranking, by people",
    "CompositeLoss": "Several of them, weighted",
    "SFAOptimizer": "SFA: prompts in the order of the program",
    "TGDOptimizer": "TGD: each prompt by itself, with momentum",
    "MinibatchAlgorithm": "Minibatch: the remarks on a batch as one",
    "Minibatch": "Minibatch: each example's remarks apart",
    "BasicSearchAlgorithm": "Search: several proposals, the best is kept",
    "ParetoSearch": "Pareto search: the best on some example",
}
UNDER_RUNS = {"num_epochs": None}
"""Defaults that differ from the library's: a run ends with its iterations."""


@dataclass(frozen=True)
class Option:
    """`about` is what its documentation begins with; `arguments` a JSON schema of an object."""

    name: str
    title: str
    about: str
    arguments: dict[str, Any]


def loss_options() -> list[Option]:
    return _of_signatures(LOSSES)


def optimizer_options() -> list[Option]:
    return _of_signatures(OPTIMIZERS)


def verifier_options() -> list[Option]:
    """The built-in checks; those of plug-ins are known by name alone."""
    return _of_signatures(BUILT_IN)


def trainer_options() -> list[Option]:
    return [_option(name, trainer, _plan_schema(trainer.Plan)) for name, trainer in TRAINERS.items()]


def _of_signatures(known: Mapping[str, Callable[..., Any]]) -> list[Option]:
    return [_option(name, target, _schema(target)) for name, target in known.items()]


@cache
def _schema(target: Callable[..., Any]) -> dict[str, Any]:
    return arguments_model(target).model_json_schema()


def _option(name: str, target: Callable[..., Any], schema: dict[str, Any]) -> Option:
    about = inspect.cleandoc(target.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    return Option(name, TITLES.get(name, label_of(name)[0]), about, schema)


@cache
def _plan_schema(plan: type[Plan]) -> dict[str, Any]:
    schema = plan.model_json_schema()
    schema["properties"] = {
        argument: _labelled(argument, about) for argument, about in schema["properties"].items()
    }
    return schema


def _labelled(argument: str, schema: dict[str, Any]) -> dict[str, Any]:
    label, hint = label_of(argument)
    told = {"title": label, "description": hint or schema.get("description", "")}
    return schema | told | ({"default": UNDER_RUNS[argument]} if argument in UNDER_RUNS else {})
