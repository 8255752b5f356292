"""What a run can be made of, with the arguments of each."""

from __future__ import annotations

from typing import Any

from ninja import Schema
from pydantic import Field

from optimization.accounts.permissions import Action
from optimization.api.principals import ApiRequest
from optimization.api.subjects import Subject
from optimization.runs.choices import (
    Option,
    loss_options,
    optimizer_options,
    trainer_options,
    verifier_options,
)
from optimization.runs.policy.choices import backend_options, policy_trainer_options, reward_options

router = Subject("choices")


class OptionOut(Schema):
    """`name` is what a run's configuration calls it; `about` is how its documentation begins."""

    name: str
    title: str
    about: str
    arguments: dict[str, Any] = Field(description="A JSON schema of the object that goes into `args`.")


class ChoicesOut(Schema):
    """`verifiers` are the checks that a VerifierLoss is made with: {"name": ..., its arguments}. `policy_trainers` and
    `rewards` are what a policy's run is made of; `backends` train policies from Python, by the arguments of `train`."""

    losses: list[OptionOut]
    optimizers: list[OptionOut]
    trainers: list[OptionOut]
    verifiers: list[OptionOut]
    policy_trainers: list[OptionOut]
    rewards: list[OptionOut]
    backends: list[OptionOut]


@router.route("GET", "", Action.RUNS_READ, {200: ChoicesOut})
def choice_list(request: ApiRequest) -> ChoicesOut:
    """Every loss, optimizer, trainer, reward and backend that there is to choose, each with a JSON schema of its arguments."""
    return ChoicesOut(
        losses=_told(loss_options()),
        optimizers=_told(optimizer_options()),
        trainers=_told(trainer_options()),
        verifiers=_told(verifier_options()),
        policy_trainers=_told(policy_trainer_options()),
        rewards=_told(reward_options()),
        backends=_told(backend_options()),
    )


def _told(options: list[Option]) -> list[OptionOut]:
    return [
        OptionOut(name=option.name, title=option.title, about=option.about, arguments=option.arguments)
        for option in options
    ]
