"""The shipped example: a policy made from scratch learns which team a customer's ticket is for.

It first reads tickets with the answers of a beginner, most of whom are guesses: enough to speak of teams, not to know
the right one. A verifier then rewards the right team, and nothing else tells it. Imports without torch.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from optimization.losses.verifiers import exact
from optimization.policy.components import Component, verified
from optimization.policy.config import GRPOConfig, Sampling
from optimization.policy.rollouts import Prompt
from optimization.policy.tokenisation import ByteTokenizer

if TYPE_CHECKING:
    from optimization.policy.transformer import Transformer

TICKETS = Path(__file__).parent / "data" / "tickets.jsonl"
TEAMS = ("billing", "delivery", "repairs", "returns")
# The share of tickets whose team the beginner knows; for the others the answer is any team.
KNOWN = 0.3
READINGS = 4

ROUTING = GRPOConfig(
    learning_rate=3e-4,
    beta=0.02,
    prompts_per_step=32,
    group_size=8,
    minibatches=4,
    micro_batch_size=256,
    sampling=Sampling(max_tokens=12),
)


def tickets() -> dict[str, list[Prompt]]:
    """The tickets by slice, train and test, each with the team that it is for."""
    slices: dict[str, list[Prompt]] = {}
    for line in TICKETS.read_text().splitlines():
        row = json.loads(line)
        prompt = Prompt(text=f"{row['inputs']['ticket']}\nTeam: ", target=row["target"])
        slices.setdefault(row["split"], []).append(prompt)
    return slices


def routing() -> Component:
    """Tickets, rewarded 1 for the right team and 0 for anything else."""
    return Component("right_team", tickets(), verified(exact()))


def beginner(
    steps: int = 250, seed: int = 0, on_step: Callable[[int, float], None] = lambda step, loss: None
) -> tuple[Transformer, ByteTokenizer]:
    """A transformer of 0.1 million weights, made in seconds, that answers tickets with some team or other."""
    from optimization.policy.pretraining import pretrain
    from optimization.policy.transformer import Architecture, Transformer

    tokenizer = ByteTokenizer()
    architecture = Architecture(tokenizer.vocabulary, context=128, width=64, layers=2, heads=4)
    model = Transformer(architecture, seed)
    pretrain(
        model,
        _answers(tokenizer, random.Random(seed)),
        steps=steps,
        padding=tokenizer.padding,
        seed=seed,
        on_step=on_step,
    )
    return model, tokenizer


def _answers(tokenizer: ByteTokenizer, draw: random.Random) -> list[tuple[list[int], list[int]]]:
    """Every ticket to learn from, several times, with what the beginner says each time."""
    return [
        (tokenizer.prompt(prompt.content()), [*tokenizer.encode(team), tokenizer.END])
        for prompt in tickets()["train"]
        for team in (prompt.target if draw.random() < KNOWN else draw.choice(TEAMS) for _ in range(READINGS))
    ]
