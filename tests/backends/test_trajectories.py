"""Trajectories are made from OpenAI's messages and choices, and come back from JSON as they were."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat.chat_completion import Choice
from pydantic import ValidationError

from optimization.backends import Trajectory, TrajectoryGroup
from optimization.backends.choices import conversations_of

ASKED = {"role": "user", "content": "Which team?"}


def choice(text: str = "billing", *, tokens: list[str] | None = None, reason: str = "stop") -> Choice:
    """As an OpenAI-compatible server returns one."""
    content = [{"token": token, "logprob": -0.5, "top_logprobs": []} for token in tokens or []]
    return Choice.model_validate(
        {
            "index": 0,
            "finish_reason": reason,
            "message": {"role": "assistant", "content": text},
            "logprobs": {"content": content} if tokens else None,
        }
    )


def turns_of(trajectory: Trajectory) -> Any:
    return conversations_of([TrajectoryGroup([trajectory])])[0].conversations[0].turns


def test_a_conversation_has_messages_as_context_and_choices_as_what_was_sampled() -> None:
    trajectory = Trajectory(messages_and_choices=[ASKED, choice(tokens=["bill", "ing"])], reward=1.0)
    read, sampled = turns_of(trajectory)

    assert trajectory.messages() == [ASKED, {"role": "assistant", "content": "billing"}]
    assert (read.sampled, sampled.sampled) == (False, True)
    assert sampled.log_probs == (-0.5, -0.5)
    assert sampled.tokens is None


def test_a_server_that_numbers_its_tokens_is_taken_at_its_word() -> None:
    _, sampled = turns_of(
        Trajectory(messages_and_choices=[ASKED, choice(tokens=["token_id:7", "token_id:11"])])
    )

    assert sampled.tokens == (7, 11)


@pytest.mark.parametrize(("reason", "finished"), [("stop", True), ("length", False)])
def test_a_choice_that_was_cut_did_not_sample_its_end(reason: str, finished: bool) -> None:
    _, sampled = turns_of(Trajectory(messages_and_choices=[ASKED, choice(reason=reason)]))

    assert sampled.finished is finished


def test_a_group_comes_back_from_json_as_it_was() -> None:
    group = TrajectoryGroup(
        [Trajectory(messages_and_choices=[ASKED, choice()], reward=0.0, metrics={"right": True})],
        metadata={"ticket": 7},
    )

    assert TrajectoryGroup.model_validate_json(group.model_dump_json()) == group


def test_a_message_without_a_role_is_refused() -> None:
    with pytest.raises(ValidationError, match="Message 0 has no role"):
        Trajectory(messages_and_choices=[{"content": "hello"}])


async def test_a_rollout_that_raises_costs_itself_alone() -> None:
    async def rolled(right: bool) -> Trajectory:
        if not right:
            raise TimeoutError("the server is gone")
        return Trajectory(messages_and_choices=[ASKED, choice()], reward=1.0)

    group = await TrajectoryGroup.gather(rolled(right) for right in (True, False, True))

    assert len(group) == 2
    assert [(failure.type, failure.message) for failure in group.exceptions] == [
        ("TimeoutError", "the server is gone")
    ]
