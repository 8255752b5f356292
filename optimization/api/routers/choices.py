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

router = Subject("choices")


class OptionOut(Schema):
    """`name` is what a run's configuration calls it; `about` is how its documentation begins."""

    name: str
    title: str
    about: str
    arguments: dict[str, Any] = Field(description="A JSON schema of the object that goes into `args`.")


class ChoicesOut(Schema):
    """`verifiers` are the checks that a VerifierLoss is made with: {"name": ..., its arguments}."""

    losses: list[OptionOut]
    optimizers: list[OptionOut]
    trainers: list[OptionOut]
    verifiers: list[OptionOut]


@router.route("GET", "", Action.RUNS_READ, {200: ChoicesOut})
def choice_list(request: ApiRequest) -> ChoicesOut:
    """Every loss, optimizer and trainer that a run can choose, each with a JSON schema of its arguments."""
    return ChoicesOut(
        losses=_told(loss_options()),
        optimizers=_told(optimizer_options()),
        trainers=_told(trainer_options()),
        verifiers=_told(verifier_options()),
    )


def _told(options: list[Option]) -> list[OptionOut]:
    return [
        OptionOut(name=option.name, title=option.title, about=option.about, arguments=option.arguments)
        for option in options
    ]
