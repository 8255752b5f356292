"""Between OpenAI's choices and the tokens of a policy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from openai.types.chat import ChatCompletionMessage
from openai.types.chat.chat_completion import Choice, ChoiceLogprobs
from openai.types.chat.chat_completion_token_logprob import ChatCompletionTokenLogprob

from optimization.backends.trajectories import TrajectoryGroup

if TYPE_CHECKING:
    from optimization.policy.conversations import Group
    from optimization.policy.rollouts import Rollout

# How vLLM names a token by its number, with `return_tokens_as_token_ids`; then nothing has to be guessed from the text.
TOKEN_ID = "token_id:"


def choice_of(rollout: Rollout) -> Choice:
    """A rollout as a server would return it, with the numbers of its tokens."""
    content = [
        ChatCompletionTokenLogprob(token=f"{TOKEN_ID}{token}", logprob=log_prob, top_logprobs=[])
        for token, log_prob in zip(rollout.tokens, rollout.log_probs, strict=True)
    ]
    return Choice(
        index=0,
        finish_reason="stop" if rollout.finished else "length",
        message=ChatCompletionMessage(role="assistant", content=rollout.text),
        logprobs=ChoiceLogprobs(content=content),
    )


def conversations_of(groups: Iterable[TrajectoryGroup]) -> tuple[Group, ...]:
    """The groups as the training job takes them."""
    from optimization.policy.conversations import Conversation, Group

    return tuple(
        Group(
            conversations=tuple(
                Conversation(
                    turns=tuple(_turn(entry) for entry in trajectory.messages_and_choices),
                    reward=trajectory.reward,
                    temperature=trajectory.temperature,
                )
                for trajectory in group
            )
        )
        for group in groups
    )


def _turn(entry: dict[str, Any] | Choice) -> Any:
    from optimization.policy.conversations import Turn

    if isinstance(entry, dict):
        return Turn(message=entry)
    listed = (entry.logprobs.content if entry.logprobs else None) or []
    numbers = [item.token.removeprefix(TOKEN_ID) for item in listed if item.token.startswith(TOKEN_ID)]
    return Turn(
        message=entry.message.model_dump(exclude_none=True),
        sampled=True,
        tokens=tuple(map(int, numbers)) if listed and len(numbers) == len(listed) else None,
        log_probs=tuple(item.logprob for item in listed) or None,
        finished=entry.finish_reason != "length",
    )
