"""What a policy's run is launched with: the same data from the form, from REST and from a script."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from optimization.backends import BACKENDS
from optimization.backends.arguments import choice_schema
from optimization.runs.config import Choice, People

# The model that the set-up makes from scratch.
BEGINNER = "handgrad/beginner"
_SLOT = re.compile(r"{(\w+)}")


class ComponentChoice(BaseModel):
    """A source of rollouts: a dataset whose examples fill `prompt`, and what its completions are rewarded by.

    `prompt` names the examples' inputs in braces. With `chat` it is a user's message, written as the model's template
    writes one; then the user says the `follow_ups` one after the other, each after a reply. The last reply is rewarded, and
    every turn of the policy is trained.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=80, pattern=r"^\w[\w.-]*$")
    dataset: str
    prompt: str = Field(min_length=1)
    chat: bool = False
    follow_ups: list[Annotated[str, Field(min_length=1)]] = Field(default=[], max_length=16)
    reward: Choice

    @model_validator(mode="after")
    def _follow_ups_are_of_a_chat(self) -> ComponentChoice:
        if self.follow_ups and not self.chat:
            raise ValueError("Only a chat goes on after a reply: set chat, or leave follow_ups out.")
        return self

    @property
    def slots(self) -> list[str]:
        """The inputs that the prompt and its follow-ups ask for."""
        return list(dict.fromkeys(_SLOT.findall("".join([self.prompt, *self.follow_ups]))))

    def filled(self, inputs: dict[str, Any]) -> str:
        """The prompt of one example."""
        return _filled(self.prompt, inputs)

    def followed(self, inputs: dict[str, Any]) -> tuple[str, ...]:
        """What the user says after each reply."""
        return tuple(_filled(text, inputs) for text in self.follow_ups)


def _filled(text: str, inputs: dict[str, Any]) -> str:
    return _SLOT.sub(lambda slot: str(inputs[slot[1]]), text)


class Compute(BaseModel):
    """What the jobs may use: the device, how many processes share the model (torchrun and FSDP2), CPU threads of each."""

    model_config = ConfigDict(extra="forbid")

    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    processes: int = Field(default=1, ge=1, le=64)
    threads: int | None = Field(default=None, ge=1, le=256)


class PolicyRunConfig(BaseModel):
    """A launch, whole. `base` is the model that the policy begins as: a folder on the workers' machine, a name on the hub,
    or the one that is made from scratch. With a `backend` that one's `train` takes the steps, by its own keyword arguments;
    without, the trainer's own loss does. `checkpoints_kept` are the latest, beside the best; `budget` is in US dollars."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["policy"]
    base: str = BEGINNER
    components: list[ComponentChoice] = Field(min_length=1, max_length=16)
    trainer: Choice = Choice(name="GRPOTrainer")
    backend: Annotated[Choice | None, WithJsonSchema(choice_schema(BACKENDS))] = None
    compute: Compute = Compute()
    people: People = People()
    iterations: int = Field(default=20, ge=1, le=100_000)
    checkpoints_kept: int = Field(default=10, ge=2, le=1000)
    seed: int = 0
    budget: Decimal | None = Field(default=None, gt=0)
    on_error: Literal["continue", "stop"] = "continue"

    @field_validator("components")
    @classmethod
    def _names_differ(cls, components: list[ComponentChoice]) -> list[ComponentChoice]:
        names = [component.name for component in components]
        if len(set(names)) < len(names):
            raise ValueError(f"Every component needs a name of its own; these are {', '.join(names)}.")
        return components
