"""Plays the example to its end in a terminal: `python -m optimization.policy.rehearsal`; 0 only if the reward rose.

Everything is made on the spot: the model from scratch, its first words, then the steps by a verifier's reward.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from optimization.policy.example import ROUTING, beginner, routing
from optimization.policy.grpo import GRPOTrainer
from optimization.policy.measures import Metrics

READING_STEPS, STEPS = 250, 80
# By so much the share of right answers, 0 to 1, must have risen on tickets that it has not seen.
GAIN = 0.2


def rehearse(console: Console, folder: Path, steps: int = STEPS) -> tuple[float, float]:
    """Make the policy and train it; its share of right teams on unseen tickets before and after."""
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        reading = progress.add_task("Learning to read and write", total=READING_STEPS, note="")
        policy, tokenizer = beginner(
            READING_STEPS,
            on_step=lambda step, loss: progress.update(
                reading, completed=step, note=f"{loss:.2f} nats a byte"
            ),
        )
        trainer = GRPOTrainer(policy, tokenizer, [routing()], ROUTING)
        before = trainer.evaluate(temperature=1.0)["reward"]
        learning = progress.add_task("Learning from its reward", total=steps, note=f"reward {before:.2f}")

        def show(step: int, metrics: Metrics) -> None:
            note = f"reward {metrics['reward']:.2f}, {metrics['tokens_per_second']:,.0f} tokens/s"
            progress.update(learning, completed=step, note=note)

        trainer.train(steps, checkpoints=folder, checkpoint_every=20, on_step=show)
    return before, trainer.evaluate(temperature=1.0)["reward"]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the checkpoints are kept (default: nowhere)")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps to take (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(min(torch.get_num_threads(), 2))
    console = Console()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        before, after = rehearse(console, chosen.folder or Path(temporary), chosen.steps)
    rose = after - before >= GAIN
    verdict = "[green]rose[/green]" if rose else "[red]did not rise[/red] enough"
    console.print(
        f"On tickets it has not seen, the share of right teams {verdict}: {before:.0%} before, {after:.0%} after "
        f"{chosen.steps} steps, {time.monotonic() - started:.0f} s in all."
    )
    return 0 if rose else 1


if __name__ == "__main__":
    sys.exit(main())
