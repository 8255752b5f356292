"""Conversations of several turns: the policy answers, a user says what comes next, and it answers again.

What it reads between two of its turns stands in the rollout with a mask, so that only what it sampled is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optimization.policy.config import Precision, Sampling
from optimization.policy.conversations import read_between
from optimization.policy.generation import Continuation
from optimization.policy.language_model import LanguageModel
from optimization.policy.learner import Between
from optimization.policy.rolling import continued, roll_out
from optimization.policy.rollouts import Prompt, Rollout
from optimization.policy.tokenisation import Tokenizer


def roll_turns(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    follow_ups: Sequence[Sequence[str]],
    sampling: Sampling,
    *,
    seed: int,
    sources: Sequence[str] = (),
    copies: int = 1,
    rows_at_once: int = 256,
    precision: Precision = "auto",
    checkpoint: str = "",
    between: Between = lambda task, done, total: None,
) -> list[Rollout]:
    """As `roll_out`; after each reply the prompt's next follow-up is said by the user, as long as there is one.

    A reply that was cut at its greatest length ends its conversation. A rollout's text is the last reply. Raises
    ValueError for a prompt that is no conversation and has follow-ups.
    """
    for prompt, said in zip(prompts, follow_ups, strict=True):
        if said and isinstance(prompt.text, str):
            raise ValueError(
                "Only a conversation goes on after a reply: make the prompt a user's message (chat)."
            )
    options: dict[str, Any] = {
        "rows_at_once": rows_at_once,
        "precision": precision,
        "between": between,
    }
    rollouts = roll_out(
        model,
        tokenizer,
        prompts,
        sampling,
        seed=seed,
        sources=sources,
        copies=copies,
        checkpoint=checkpoint,
        **options,
    )
    messages = [[*prompts[row // copies].content()] for row in range(len(rollouts))]
    for turn in range(max(map(len, follow_ups), default=0)):
        rows = [
            row
            for row, rollout in enumerate(rollouts)
            if rollout.finished and turn < len(follow_ups[row // copies])
        ]
        read = [
            _said(messages[row], rollouts[row].text, follow_ups[row // copies][turn], tokenizer)
            for row in rows
        ]
        begun = [
            [*rollouts[row].prompt_tokens, *rollouts[row].tokens, *between_turns]
            for row, between_turns in zip(rows, read, strict=True)
        ]
        replies = continued(model, tokenizer, begun, sampling, seed=seed + turn + 1, copies=1, **options)
        for row, between_turns, reply in zip(rows, read, replies, strict=True):
            rollouts[row] = _joined(rollouts[row], between_turns, reply, tokenizer)
    return rollouts


def _said(messages: list[Any], reply: str, follow_up: str, tokenizer: Tokenizer) -> list[int]:
    """Note the reply and what is said then; the tokens that the policy reads before it answers."""
    place = len(messages)
    messages += [{"role": "assistant", "content": reply}, {"role": "user", "content": follow_up}]
    return read_between(messages, place, place + 2, tokenizer)


def _joined(rollout: Rollout, read: Sequence[int], reply: Continuation, tokenizer: Tokenizer) -> Rollout:
    nuclei = (*(rollout.nucleus or ()), *map(tuple, reply.nucleus)) if reply.nucleus is not None else None
    return Rollout.model_validate(
        rollout.model_dump()
        | {
            "tokens": (*rollout.tokens, *read, *reply.tokens),
            "mask": (*rollout.sampled, *[False] * len(read), *[True] * len(reply.tokens)),
            "log_probs": (*rollout.log_probs, *[0.0] * len(read), *reply.log_probs),
            "nucleus": nuclei,
            "text": tokenizer.decode(reply.tokens),
            "finished": reply.finished,
        }
    )
