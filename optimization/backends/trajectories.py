"""Trajectories: conversations in which a model took turns, with what they were worth. From OpenAI's messages and choices."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Iterable, Iterator
from typing import Any, Self

from openai.types.chat.chat_completion import Choice
from pydantic import BaseModel, ConfigDict, Field, field_validator

MetadataValue = float | int | str | bool | None
Message = dict[str, Any]


class Trajectory(BaseModel):
    """One conversation. A message is context; a choice, as an OpenAI-compatible server returned it, is what was sampled.

    `reward` is None as long as nobody has said what it was worth: then it has no gradient. `temperature` is the one that
    the choices were sampled at. Ask the server for `logprobs`: a choice without them is context too, unless the
    backend is told to train without.
    """

    messages_and_choices: list[Message | Choice] = Field(min_length=1)
    reward: float | None = None
    temperature: float = Field(1.0, gt=0)
    metrics: dict[str, float | int | bool] = {}
    metadata: dict[str, MetadataValue] = {}
    logs: list[str] = []

    @field_validator("messages_and_choices", mode="before")
    @classmethod
    def _choices_among_messages(cls, entries: Any) -> Any:
        """A choice that came as JSON is told from a message by having one."""
        return [
            Choice.model_validate(entry) if isinstance(entry, dict) and "message" in entry else entry
            for entry in entries
        ]

    @field_validator("messages_and_choices")
    @classmethod
    def _messages_have_roles(cls, entries: list[Message | Choice]) -> list[Message | Choice]:
        for place, entry in enumerate(entries):
            if isinstance(entry, dict) and not isinstance(entry.get("role"), str):
                raise ValueError(f"Message {place} has no role; it needs one, such as user, and a content.")
        return entries

    def messages(self) -> list[Message]:
        """The conversation with every choice as the assistant's message."""
        return [
            entry.message.model_dump(exclude_none=True) if isinstance(entry, Choice) else entry
            for entry in self.messages_and_choices
        ]

    def __str__(self) -> str:
        return f"Trajectory(reward={self.reward}, metrics={self.metrics}, metadata={self.metadata})"


class Failure(BaseModel):
    """An exception in the place of a trajectory."""

    type: str
    message: str
    traceback: str

    @classmethod
    def of(cls, error: BaseException) -> Self:
        return cls(
            type=type(error).__name__,
            message=str(error),
            traceback="".join(traceback.format_exception(error)),
        )


class TrajectoryGroup(BaseModel):
    """Trajectories that began alike, judged against each other; exceptions among them are kept beside."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    trajectories: list[Trajectory] = []
    exceptions: list[Failure] = []
    metadata: dict[str, MetadataValue] = {}

    def __init__(
        self,
        trajectories: Iterable[Trajectory | BaseException | dict[str, Any]] = (),
        *,
        metadata: dict[str, MetadataValue] | None = None,
        exceptions: Iterable[BaseException | Failure | dict[str, Any]] = (),
    ) -> None:
        members = list(trajectories)
        failed = [each for each in members if isinstance(each, BaseException)]
        super().__init__(
            trajectories=[each for each in members if not isinstance(each, BaseException)],
            exceptions=[
                Failure.of(each) if isinstance(each, BaseException) else each
                for each in (*failed, *exceptions)
            ],
            metadata=metadata or {},
        )

    @classmethod
    async def gather(
        cls,
        trajectories: Iterable[Awaitable[Trajectory]],
        *,
        metadata: dict[str, MetadataValue] | None = None,
    ) -> Self:
        """Wait for all of them; one that raises costs itself alone."""
        results = await asyncio.gather(*trajectories, return_exceptions=True)
        return cls(results, metadata=metadata)

    def __iter__(self) -> Iterator[Trajectory]:  # type: ignore[override]
        return iter(self.trajectories)

    def __len__(self) -> int:
        return len(self.trajectories)
