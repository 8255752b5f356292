"""The shipped policy's run over REST, and what it came to."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from workers.rehearsal.play import Played

STEPS = 24
# By so much the share of right answers, 0 to 1, must have risen on tickets that it has not seen.
GAIN = 0.15
_BAR = 30


def policy_run(steps: int, seed: int = 0) -> dict[str, Any]:
    """Tickets to teams, rewarded by a check in code: 1 for the right team, 0 for anything else."""
    return {
        "kind": "policy",
        "components": [
            {
                "name": "right_team",
                "dataset": "ticket-teams",
                "prompt": "{ticket}\nTeam: ",
                "reward": {"name": "VerifierLoss", "args": {"verifier": "exact"}},
            }
        ],
        "trainer": {
            "name": "GRPOTrainer",
            "args": {
                "learning_rate": 3e-4,
                "beta": 0.02,
                "prompts_per_step": 32,
                "group_size": 8,
                "minibatches": 4,
                "micro_batch_size": 256,
                "sampling": {"max_tokens": 12},
                "eval_frequency": 6,
                "eval_temperature": 1.0,
            },
        },
        "iterations": steps,
        "seed": seed,
    }


def policy_verdict(played: Played) -> str:
    """Why the rehearsal has failed; "" when the reward on unseen tickets rose by GAIN or more."""
    curve = played.curve
    if len(curve) < 2:
        return "The run has no rewards on unseen tickets to compare."
    told = " → ".join(f"{score:.3f}" for score in curve)
    if curve[-1] - curve[0] < GAIN:
        return f"The reward on unseen tickets did not rise by {GAIN} or more: {told}."
    return ""


def show_steps(console: Console, played: Played) -> None:
    """The reward on unseen tickets at the start and where it was measured, as bars."""
    table = Table(title="Reward on unseen tickets", title_justify="left", box=None, pad_edge=False)
    table.add_column("step", justify="right")
    table.add_column("reward", justify="right")
    table.add_column("")
    for point in sorted(played.run["curve"], key=lambda each: each["position"]):
        name = str(point["position"] or "start")
        table.add_row(name, f"{point['mean']:.3f}", "█" * round(point["mean"] * _BAR))
    console.print(table)
    console.print(f"{played.run['iteration']} steps, {played.seconds:.0f} s.")
