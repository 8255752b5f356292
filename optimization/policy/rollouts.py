"""What a policy was asked and what it sampled, with all that is needed to train on it later. Imports without torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from optimization.policy.tokenisation import ChatMessage


class Prompt(BaseModel):
    """Text, or a conversation, to be continued; `target` is for the scorer alone."""

    model_config = ConfigDict(frozen=True)

    text: str | tuple[dict[str, Any], ...]
    target: Any = None

    def content(self) -> str | Sequence[ChatMessage]:
        return self.text


class Rollout(BaseModel):
    """One continuation of a prompt.

    `tokens` follow `prompt_tokens`, the end token included where one was sampled. `mask` is False for a token that the
    policy did not sample (a user's turn between two of its own), None where it sampled them all. `log_probs` are those
    of the distribution that was sampled, NaN where unknown. `nucleus` holds, for each sampled token, the tokens that
    could have been, where top-p left any out. `group` numbers the prompt; `checkpoint` names the weights that sampled.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    source: str = ""
    group: int = 0
    prompt: Prompt | None = None
    prompt_tokens: tuple[int, ...]
    tokens: tuple[int, ...]
    mask: tuple[bool, ...] | None = None
    log_probs: tuple[float, ...]
    nucleus: tuple[tuple[int, ...], ...] | None = None
    temperature: float = 1.0
    text: str = ""
    finished: bool = True
    checkpoint: str = ""

    @model_validator(mode="after")
    def _lengths_agree(self) -> Rollout:
        lengths = {"tokens": len(self.tokens), "log_probs": len(self.log_probs)}
        if self.mask is not None:
            lengths["mask"] = len(self.mask)
        if len(set(lengths.values())) > 1:
            raise ValueError(f"A rollout's tokens, mask and log_probs are of one length, not {lengths}.")
        if self.nucleus is not None and len(self.nucleus) != sum(self.sampled):
            raise ValueError(
                f"A rollout of {sum(self.sampled)} sampled tokens has as many nuclei, not {len(self.nucleus)}."
            )
        return self

    @property
    def sampled(self) -> tuple[bool, ...]:
        """For each token, whether the policy sampled it."""
        return (True,) * len(self.tokens) if self.mask is None else self.mask


def write_rollouts(path: Path, rollouts: Iterable[Rollout]) -> None:
    """One rollout a line, as JSON; a float is written so that it is read back exactly."""
    with path.open("w") as file:
        for rollout in rollouts:
            file.write(rollout.model_dump_json(exclude_defaults=True) + "\n")


def read_rollouts(path: Path) -> list[Rollout]:
    with path.open() as file:
        return [Rollout.model_validate_json(line) for line in file]
