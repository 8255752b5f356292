"""GRPO steps beside TRL's: the same model, prompts, reward and sizes, turn by turn in the same run.

    python -m benchmarks.policy                      this trainer alone
    python -m benchmarks.policy --trl PYTHON         and TRL, by a Python that has it (it pins packages of its own)
    python -m benchmarks.policy --results FILE ...   over all rounds that FILE holds, this call's added to it
    python -m benchmarks.policy --growth             how a step's cost grows with completions and with length

The model is a GPT-2 of 4 layers, 128 wide, byte-level, 0.83 million weights, made from scratch. A step samples 64
completions of 64 tokens, groups of 8, KL penalty on, one optimizer step; the reward is the share of even tokens. Each
round has a seed of its own, the same for both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

SIZES: dict[str, Any] = {"completions": 64, "group": 8, "length": 64, "learning_rate": 1e-3}
PROMPTS = [f"Tell me about number {number}: " for number in range(10, 26)]
WARM = 3


def make_model(folder: Path) -> None:
    from optimization.policy.models import save_model
    from optimization.policy.tokenisation import ByteTokenizer
    from optimization.policy.transformer import Architecture, Transformer

    save_model(folder, Transformer(Architecture(context=256, width=128, layers=4, heads=4)), ByteTokenizer())


def ours(folder: Path, steps: int, sizes: dict[str, Any]) -> dict[str, list[float]]:
    """Seconds, completion tokens and mean reward of each step."""
    from optimization.policy.components import Component
    from optimization.policy.config import GRPOConfig, Sampling
    from optimization.policy.grpo import GRPOTrainer
    from optimization.policy.models import load_model
    from optimization.policy.rollouts import Prompt, Rollout

    def even(rollouts: Sequence[Rollout]) -> list[float | None]:
        return [sum(token % 2 == 0 for token in one.tokens) / len(one.tokens) for one in rollouts]

    class Endless(type(load_model(folder)[1])):  # type: ignore[misc]
        """Every completion is as long as it may be: both trainers then do the same work."""

        ends: frozenset[int] = frozenset()

    policy, _ = load_model(folder)
    trainer = GRPOTrainer(
        policy,
        Endless(),
        [Component("even", {"train": [Prompt(text=prompt) for prompt in sizes["prompts"]]}, even)],
        GRPOConfig(
            learning_rate=sizes["learning_rate"],
            prompts_per_step=sizes["completions"] // sizes["group"],
            group_size=sizes["group"],
            micro_batch_size=sizes["completions"],
            sampling=Sampling(max_tokens=sizes["length"]),
            seed=sizes.get("seed", 0),
        ),
        device=sizes.get("device", "cpu"),
    )
    found: dict[str, list[float]] = {"seconds": [], "processor": [], "tokens": [], "rewards": []}
    for step in range(steps):
        started, used = time.perf_counter(), time.process_time()
        (metrics,) = trainer.train(step + 1)
        found["seconds"].append(time.perf_counter() - started)
        found["processor"].append(time.process_time() - used)
        found["tokens"].append(metrics["length"] * metrics["rollouts"])
        found["rewards"].append(metrics["reward"])
    return found


def run(python: str, module: str, folder: Path, steps: int, threads: int, sizes: dict[str, Any]) -> Any:
    """A contender in a process of its own; its figures."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    done = subprocess.run(
        [python, "-m", module, str(folder), str(steps), str(threads), json.dumps(sizes)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{module} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


Round = dict[str, dict[str, list[float]]]


def compare(
    console: Console, trl: str, steps: int, rounds: int, threads: int, first_seed: int, results: Path | None
) -> None:
    sizes = SIZES | {"prompts": PROMPTS}
    contenders = {"Handgrad": (sys.executable, "benchmarks.contenders.handgrad_grpo")}
    if trl:
        contenders["TRL"] = (trl, "benchmarks.contenders.trl_grpo")
    found: list[Round] = json.loads(results.read_text()) if results and results.exists() else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        make_model(folder)
        for turn in range(rounds):
            one: Round = {}
            # Who comes first changes from round to round.
            for name in list(contenders)[:: 1 if turn % 2 == 0 else -1]:
                python, module = contenders[name]
                console.print(f"round {turn + 1} of {rounds}, load {os.getloadavg()[0]:.1f}: {name}")
                one[name] = run(python, module, folder, steps, threads, sizes | {"seed": first_seed + turn})
            found.append(one)
    if results:
        results.write_text(json.dumps(found))
    _report(console, found, list(contenders), threads)


def _report(console: Console, rounds: Sequence[Round], names: Sequence[str], threads: int) -> None:
    title = f"{SIZES['completions']} completions of {SIZES['length']} tokens a step, {threads} threads"
    table = Table(title=f"{title}, {len(rounds)} rounds")
    for column in ("", "s a step, median", "fastest", "processor s", "tokens a second", "mean reward"):
        table.add_column(column, justify="left" if not column else "right")
    medians: dict[str, tuple[float, float]] = {}
    for name in names:
        seconds = [one for each in rounds for one in each[name]["seconds"][WARM:]]
        used = [one for each in rounds for one in each[name]["processor"][WARM:]]
        medians[name] = (statistics.median(seconds), statistics.median(used))
        tokens = statistics.mean(rounds[0][name]["tokens"])
        reward = statistics.mean(statistics.mean(each[name]["rewards"]) for each in rounds)
        table.add_row(
            name,
            f"{medians[name][0]:.3f}",
            f"{min(seconds):.3f}",
            f"{medians[name][1]:.3f}",
            f"{tokens / medians[name][0]:,.0f}",
            f"{reward:.4f}",
        )
    console.print(table)
    _report_rewards(console, rounds, names)
    if len(names) > 1:
        (ours_clock, ours_used), (theirs_clock, theirs_used) = (medians[name] for name in names)
        console.print(
            f"TRL / Handgrad: {theirs_clock / ours_clock:.2f} by the clock, "
            f"{theirs_used / ours_used:.2f} by processor time"
        )


def _report_rewards(console: Console, rounds: Sequence[Round], names: Sequence[str]) -> None:
    """The mean reward at some steps, over the rounds; and how far apart the two are, a pair a seed."""
    steps = min(len(each[name]["rewards"]) for each in rounds for name in names)
    shown = sorted({0, *range(4, steps, 5), steps - 1})
    table = Table(title="Mean reward of a step's completions")
    table.add_column("step")
    for step in shown:
        table.add_column(str(step + 1), justify="right")
    for name in names:
        means = [statistics.mean(each[name]["rewards"][step] for each in rounds) for step in shown]
        table.add_row(name, *(f"{mean:.3f}" for mean in means))
    console.print(table)
    if len(names) < 2 or len(rounds) < 2:
        return
    gaps = [
        statistics.mean(each[names[0]]["rewards"][:steps])
        - statistics.mean(each[names[1]]["rewards"][:steps])
        for each in rounds
    ]
    error = statistics.stdev(gaps) / len(gaps) ** 0.5
    console.print(
        f"Mean reward over {steps} steps, {names[0]} less {names[1]}: {statistics.mean(gaps):+.4f}, "
        f"standard error {error:.4f} over {len(gaps)} seeds"
    )


def growth(console: Console, threads: int) -> None:
    """Processor seconds a step for twice and four times the completions, and the length."""
    table = Table(title=f"Processor seconds a step, {threads} threads")
    for column in ("completions", "length", "processor s a step", "ms a completion token"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        make_model(folder)
        for completions, length in ((32, 32), (64, 32), (128, 32), (64, 64), (64, 128)):
            sizes = SIZES | {"prompts": PROMPTS, "completions": completions, "length": length}
            found = run(sys.executable, "benchmarks.contenders.handgrad_grpo", folder, 4, threads, sizes)
            median = statistics.median(found["processor"][1:])
            console.print(f"{completions} of {length}: {median:.3f}")
            table.add_row(
                str(completions), str(length), f"{median:.3f}", f"{1000 * median / completions / length:.4f}"
            )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trl", default="", help="a Python that has trl")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--results", type=Path, help="a file that keeps the rounds of several calls")
    parser.add_argument("--growth", action="store_true")
    chosen = parser.parse_args()
    console = Console(width=110)
    if chosen.growth:
        growth(console, chosen.threads)
    else:
        compare(
            console,
            chosen.trl,
            chosen.steps,
            chosen.rounds,
            chosen.threads,
            chosen.seed,
            chosen.results,
        )


if __name__ == "__main__":
    main()
