"""Conversations in which a policy took turns, as the tokens that it read and sampled. Imports without torch."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

from pydantic import BaseModel, ConfigDict

from optimization.policy.rollouts import Rollout
from optimization.policy.tokenisation import Tokenizer


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")


class Turn(_Data):
    """A message. `sampled` says that a model wrote it as a choice; then `tokens` and `log_probs`, one each, may be known.

    `finished` is False where the choice was cut at its greatest length, so that no end token was sampled.
    """

    message: dict[str, Any]
    sampled: bool = False
    tokens: tuple[int, ...] | None = None
    log_probs: tuple[float, ...] | None = None
    finished: bool = True


class Conversation(_Data):
    """Turns, and what they were worth; None as long as nobody has said."""

    turns: tuple[Turn, ...]
    reward: float | None
    temperature: float = 1.0


class Group(_Data):
    """Conversations that began alike, judged against each other."""

    conversations: tuple[Conversation, ...]


def rollout_of(
    conversation: Conversation, tokenizer: Tokenizer, *, group: int = 0, without_log_probs: bool = False
) -> Rollout | None:
    """The conversation as tokens, with a mask over what may be trained: the sampled turns whose log-probabilities are
    known. `without_log_probs` trains every turn of the assistant, as if the policy of now had sampled it.

    None if there is no such turn. Raises ValueError for a chat template that writes earlier turns differently later.
    """
    turns = conversation.turns
    trained = [
        place
        for place, turn in enumerate(turns)
        if turn.message["role"] == "assistant" and (without_log_probs or (turn.sampled and turn.log_probs))
    ]
    if not trained:
        return None
    messages = [turn.message for turn in turns]
    prompt = tokenizer.chat(messages[: trained[0]], reply_follows=True)
    tokens: list[int] = []
    mask: list[bool] = []
    log_probs: list[float] = []
    for place, following in zip(trained, [*trained[1:], None], strict=True):
        said, known = _said(turns[place], tokenizer)
        tokens += said
        mask += [True] * len(said)
        log_probs += known
        if following is not None:
            read = read_between(messages, place, following, tokenizer)
            tokens += read
            mask += [False] * len(read)
            log_probs += [0.0] * len(read)
    return Rollout(
        group=group,
        prompt_tokens=tuple(prompt),
        tokens=tuple(tokens),
        mask=tuple(mask),
        log_probs=tuple(log_probs),
        temperature=conversation.temperature,
        text=str(messages[trained[-1]].get("content") or ""),
        finished=turns[trained[-1]].finished,
    )


def _said(turn: Turn, tokenizer: Tokenizer) -> tuple[list[int], list[float]]:
    """The turn's tokens, its end included where it was sampled, and their log-probabilities, NaN where unknown."""
    end = [min(tokenizer.ends)] if turn.finished else []
    known = list(turn.log_probs or ())
    tokens = list(turn.tokens or ())
    if not tokens:
        tokens = tokenizer.encode(str(turn.message.get("content") or ""))
        # A server that names no tokens may have cut the text differently; then its numbers are about other tokens.
        known = known if len(known) in (len(tokens), len(tokens + end)) else []
    if end and (not tokens or tokens[-1] not in tokenizer.ends):
        tokens += end
    return tokens, known[: len(tokens)] + [nan] * (len(tokens) - len(known))


def read_between(
    messages: Sequence[dict[str, Any]], place: int, following: int, tokenizer: Tokenizer
) -> list[int]:
    """What the model reads between the end of one of its turns and the beginning of another."""
    before = tokenizer.chat(messages[:place], reply_follows=True)
    later = tokenizer.chat(messages[:following], reply_follows=True)
    rest = later[len(before) :]
    ends = [offset for offset, token in enumerate(rest) if token in tokenizer.ends]
    if later[: len(before)] != before or not ends:
        raise ValueError(
            f"The chat template writes what comes before turn {place} differently once there are later turns, so what "
            "the model read cannot be put together again. Make a trajectory of each of its turns."
        )
    return rest[ends[0] + 1 :]
