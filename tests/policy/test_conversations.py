"""Conversations as tokens: what was sampled is trained, what was read is not."""

from __future__ import annotations

from math import isnan
from typing import Any

import pytest

from optimization.policy.conversations import Conversation, Turn, rollout_of
from optimization.policy.rollouts import Rollout
from optimization.policy.tokenisation import ByteTokenizer

BYTES = ByteTokenizer()
USER = Turn(message={"role": "user", "content": "hi"})


def said(text: str, **fields: Any) -> Turn:
    fields = {"log_probs": (-0.5,) * (len(text) + 1)} | fields
    return Turn(message={"role": "assistant", "content": text}, sampled=True, **fields)


def made(*turns: Turn, **options: Any) -> Rollout:
    rollout = rollout_of(Conversation(turns=turns, reward=1.0), BYTES, **options)
    assert rollout is not None
    return rollout


def trained(rollout: Rollout) -> str:
    return BYTES.decode([t for t, sampled in zip(rollout.tokens, rollout.sampled, strict=True) if sampled])


def test_the_prompt_is_what_came_before_and_the_reply_is_trained_with_its_end() -> None:
    rollout = made(USER, said("ok"))

    assert BYTES.decode(rollout.prompt_tokens) == "user: hi\nassistant: "
    assert rollout.tokens == (*b"ok", BYTES.END)
    assert rollout.log_probs == (-0.5,) * 3


def test_between_two_turns_of_the_model_what_it_read_is_masked() -> None:
    rollout = made(USER, said("one"), Turn(message={"role": "user", "content": "more"}), said("two"))

    assert BYTES.decode(rollout.tokens) == "oneuser: more\nassistant: two"
    assert trained(rollout) == "onetwo"
    whole = BYTES.chat([turn.message for turn in (USER, said("one"))], reply_follows=False)
    assert list(rollout.prompt_tokens + rollout.tokens)[: len(whole)] == whole


def test_the_tokens_that_were_sampled_are_taken_as_they_are() -> None:
    """Encoded again from the text, they might be cut differently, and the log-probabilities be of other tokens."""
    rollout = made(USER, said("ab", tokens=(97, 98, 256), log_probs=(-1.0, -2.0, -3.0)))

    assert rollout.tokens == (97, 98, 256)
    assert rollout.log_probs == (-1.0, -2.0, -3.0)


def test_a_turn_that_was_cut_has_no_end_token() -> None:
    assert made(USER, said("ok", finished=False, log_probs=(-1.0, -1.0))).tokens == tuple(b"ok")


def test_log_probabilities_that_fit_no_tokens_are_unknown() -> None:
    rollout = made(USER, said("hello", log_probs=(-1.0, -1.0)))

    assert all(map(isnan, rollout.log_probs))


def test_an_assistant_turn_without_log_probabilities_is_context() -> None:
    given = Turn(message={"role": "assistant", "content": "given"})

    assert trained(made(USER, given, USER, said("mine"))) == "mine"
    assert rollout_of(Conversation(turns=(USER, given), reward=1.0), BYTES) is None


def test_it_may_be_trained_all_the_same_when_that_is_asked_for() -> None:
    given = Turn(message={"role": "assistant", "content": "given"})

    rollout = made(USER, given, without_log_probs=True)

    assert trained(rollout) == "given"
    assert all(map(isnan, rollout.log_probs))


def test_a_template_that_rewrites_earlier_turns_is_refused() -> None:
    class Forgetful(ByteTokenizer):
        def chat(self, messages: Any, *, reply_follows: bool) -> list[int]:
            return super().chat(messages[-1:], reply_follows=reply_follows)

    conversation = Conversation(turns=(USER, said("one"), USER, said("two")), reward=1.0)

    with pytest.raises(ValueError, match="Make a trajectory of each of its turns"):
        rollout_of(conversation, Forgetful())


def test_a_rollout_of_uneven_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="tokens, mask and log_probs are of one length"):
        Rollout(prompt_tokens=(1,), tokens=(1, 2), log_probs=(-1.0,))
    with pytest.raises(ValueError, match="of 2 sampled tokens has as many nuclei, not 1"):
        Rollout(prompt_tokens=(1,), tokens=(1, 2), log_probs=(-1.0, -1.0), nucleus=((1,),))
