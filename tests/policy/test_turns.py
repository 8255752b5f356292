"""A conversation of several turns is one rollout: what the policy sampled is trained, what it read is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from optimization.policy.batches import Batch
from optimization.policy.config import Sampling
from optimization.policy.conversations import Conversation, Turn, rollout_of
from optimization.policy.rolling import roll_out
from optimization.policy.rollouts import Prompt, Rollout
from optimization.policy.tokenisation import ByteTokenizer
from optimization.policy.transformer import Architecture, Transformer
from optimization.policy.turns import roll_turns
from tests.policy.builders import tiny

ASKED = tuple(Prompt(text=({"role": "user", "content": text},)) for text in ("a", "bc"))
FOLLOW_UPS = (("so", "why"), ("and",))


class Brief(Transformer):
    """It ends a reply after some six bytes, so that conversations go on."""

    def head(self, hidden: Tensor) -> Tensor:
        logits = super().head(hidden)
        return logits + 4.0 * (torch.arange(logits.shape[-1]) == ByteTokenizer.END)


def brief() -> Brief:
    return Brief(Architecture(context=256, width=16, layers=2, heads=2), seed=0)


def rolled(top_p: float = 1.0, **options: int) -> list[Rollout]:
    sampling = Sampling(max_tokens=12, top_p=top_p)
    return roll_turns(brief(), ByteTokenizer(), ASKED, FOLLOW_UPS, sampling, seed=1, copies=3, **options)


def turns(rollout: Rollout) -> list[list[int]]:
    """The tokens of each stretch that was sampled."""
    stretches: list[list[int]] = []
    before = False
    for token, sampled in zip(rollout.tokens, rollout.sampled, strict=True):
        if sampled and not before:
            stretches.append([])
        if sampled:
            stretches[-1].append(token)
        before = sampled
    return stretches


def test_every_reply_is_followed_as_long_as_something_is_left_to_say() -> None:
    for row, rollout in enumerate(rolled()):
        replies = turns(rollout)
        assert len(replies) == 1 + len(FOLLOW_UPS[row // 3]) or not rollout.finished
        assert all(reply[-1] == ByteTokenizer.END for reply in replies[:-1])
        assert rollout.text == ByteTokenizer().decode(replies[-1])


def test_what_it_reads_between_is_what_the_chat_template_writes() -> None:
    for row, rollout in enumerate(rolled()):
        stretches = list(zip(rollout.tokens, rollout.sampled, strict=True))
        read = bytes(token for token, sampled in stretches if not sampled).decode()
        said = FOLLOW_UPS[row // 3][: len(turns(rollout)) - 1]
        assert read == "".join(f"user: {text}\nassistant: " for text in said)


def test_its_tokens_are_those_of_the_same_conversation_given_as_a_trajectory() -> None:
    """Two ways to the same tokens: sampled turn by turn, and put together from OpenAI's messages and choices."""
    for row, rollout in enumerate(rolled()):
        said = turns(rollout)
        log_probs = iter(p for p, sampled in zip(rollout.log_probs, rollout.sampled, strict=True) if sampled)
        messages: list[Turn] = [Turn(message=dict(ASKED[row // 3].content()[0]))]  # type: ignore[arg-type]
        for number, tokens in enumerate(said):
            messages.append(
                Turn(
                    message={"role": "assistant", "content": ByteTokenizer().decode(tokens)},
                    sampled=True,
                    tokens=tuple(tokens),
                    log_probs=tuple(next(log_probs) for _ in tokens),
                    finished=number + 1 < len(said) or rollout.finished,
                )
            )
            if number + 1 < len(said):
                messages.append(Turn(message={"role": "user", "content": FOLLOW_UPS[row // 3][number]}))
        again = rollout_of(Conversation(turns=tuple(messages), reward=1.0), ByteTokenizer())

        assert again is not None
        assert again.prompt_tokens == rollout.prompt_tokens
        assert (again.tokens, again.mask or again.sampled) == (rollout.tokens, rollout.sampled)
        assert again.log_probs == rollout.log_probs


@pytest.mark.parametrize("top_p", [1.0, 0.5])
def test_its_log_probabilities_are_those_that_the_trainer_computes(top_p: float) -> None:
    rollouts = rolled(top_p)
    batch = Batch.of(rollouts, ByteTokenizer.padding)
    model = brief()

    new, _ = model.log_probs(
        batch.sequences, batch.mask, temperature=batch.temperature, kept=batch.kept(model.vocabulary)
    )

    assert (~batch.mask).any()
    torch.testing.assert_close(new[batch.mask], batch.old_log_probs[batch.mask], rtol=1e-4, atol=1e-5)


def test_without_follow_ups_it_is_a_plain_rollout_and_the_size_of_a_batch_changes_nothing() -> None:
    sampling = Sampling(max_tokens=12)
    plain = roll_out(brief(), ByteTokenizer(), ASKED, sampling, seed=1, copies=3)

    assert roll_turns(brief(), ByteTokenizer(), ASKED, ((), ()), sampling, seed=1, copies=3) == plain
    assert [one.tokens for one in rolled(rows_at_once=2)] == [one.tokens for one in rolled()]


def test_a_reply_that_was_cut_ends_its_conversation() -> None:
    class Endless(ByteTokenizer):
        ends = frozenset()

    (rollout,) = roll_turns(tiny(), Endless(), ASKED[:1], FOLLOW_UPS[:1], Sampling(max_tokens=4), seed=1)

    assert (len(rollout.tokens), rollout.finished, rollout.mask) == (4, False, None)


def test_a_prompt_that_is_no_conversation_has_no_follow_ups() -> None:
    with pytest.raises(ValueError, match="Only a conversation goes on after a reply"):
        roll_turns(tiny(), ByteTokenizer(), [Prompt(text="a")], [["so"]], Sampling(max_tokens=4), seed=1)
