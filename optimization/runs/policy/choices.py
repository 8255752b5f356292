"""What a policy's run can be made of, by name, with a JSON schema of the arguments of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from optimization.backends import BACKENDS
from optimization.backends.arguments import arguments_schema
from optimization.runs.arguments import arguments_model
from optimization.runs.choices import TITLES, Option
from optimization.runs.labels import label_of
from optimization.runs.policy.rewards import REWARDS
from optimization.trainers.policies import POLICY_TRAINERS

OF_POLICIES = {
    "GRPOTrainer": "GRPO: completions of a prompt against each other",
    "PPOTrainer": "PPO: each completion by its own reward",
    "LLMGroupLoss": "A group scored in one call, by a model",
    "LocalBackend": "This machine, by torch",
    "ServerlessBackend": "Another Handgrad, over HTTP",
    "TinkerBackend": "Tinker",
}
BY_THE_RUN = frozenset({"seed"})
"""What a run's own settings say."""


def policy_trainer_options() -> list[Option]:
    return [_option(name, kind, _plan_schema(name)) for name, kind in POLICY_TRAINERS.items()]


def reward_options() -> list[Option]:
    return [_option(name, loss, _loss_schema(loss)) for name, loss in REWARDS.items()]


def backend_options() -> list[Option]:
    return [_option(name, kind, _labelled(arguments_schema(kind))) for name, kind in BACKENDS.items()]


def _loss_schema(loss: Callable[..., Any]) -> dict[str, Any]:
    return arguments_model(loss).model_json_schema()


@cache
def _plan_schema(name: str) -> dict[str, Any]:
    return _labelled(POLICY_TRAINERS[name].Plan.model_json_schema())


def _labelled(schema: dict[str, Any]) -> dict[str, Any]:
    """With labels in place of titles; what stands beside the arguments, such as how it samples, as it is."""
    properties = {
        name: about
        | {"title": label_of(name)[0], "description": about.get("description") or label_of(name)[1]}
        for name, about in schema["properties"].items()
        if name not in BY_THE_RUN
    }
    return schema | {"properties": properties}


def _option(name: str, target: Any, schema: dict[str, Any]) -> Option:
    about = inspect.cleandoc(target.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    return Option(name, OF_POLICIES.get(name) or TITLES.get(name, name), about, schema)
