"""A job is done in a child process: whatever kills it, a second try ends with the same weights."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimization.policy.faults import VARIABLE
from optimization.policy.jobs import JobFailed, Progress, Resources, Result, RolloutJob, StepJob, run_job
from optimization.policy.jobs.runner import DIED
from optimization.policy.models import save_model
from optimization.policy.rollouts import Rollout, read_rollouts
from optimization.policy.tokenisation import ByteTokenizer
from tests.policy.builders import PROMPTS, tiny

ON_CPU = Resources(device="cpu", threads=1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("jobs") / "base"
    save_model(folder, tiny(), ByteTokenizer())
    return str(folder)


def rollout_job(base: str) -> RolloutJob:
    return RolloutJob(
        model=base,
        prompts=PROMPTS,
        sources=("even",) * len(PROMPTS),
        copies=4,
        sampling={"max_tokens": 6},  # type: ignore[arg-type]
        seed=3,
    )


@pytest.fixture(scope="session")
def rollouts(base: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rollout, ...]:
    folder = tmp_path_factory.mktemp("rolled")
    asyncio.run(run_job(rollout_job(base), folder, resources=ON_CPU))
    return tuple(read_rollouts(folder / "rollouts.jsonl"))


@pytest.fixture
def step_job(base: str, rollouts: tuple[Rollout, ...], tmp_path: Path) -> Callable[..., StepJob]:
    """One step on rollouts scored by their share of even tokens; arguments change its configuration."""

    def made(output: str = "after", **config: Any) -> StepJob:
        return StepJob(
            config={"learning_rate": 1e-3, "micro_batch_size": 4, **config},
            base=base,
            output=str(tmp_path / output),
            components=("even",),
            rollouts=rollouts,
            scores=tuple(sum(token % 2 == 0 for token in each.tokens) / 6 for each in rollouts),
        )

    return made


def weights(folder: str | Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


async def done(job: RolloutJob | StepJob, folder: Path, **options: Any) -> Result:
    return await run_job(job, folder, resources=ON_CPU, **options)


async def died(job: RolloutJob | StepJob, folder: Path, fault: str) -> None:
    with pytest.raises(JobFailed, match="was killed") as failed:
        await done(job, folder, environment={VARIABLE: fault})
    assert failed.value.result.kind == DIED


@pytest.mark.parametrize("fault", ["training:2", "log-probabilities:3", "checkpoint", "checkpoint_written"])
async def test_a_step_whose_process_is_killed_ends_with_the_same_weights_when_tried_again(
    fault: str, step_job: Callable[..., StepJob], tmp_path: Path
) -> None:
    config = {"old_log_probs": "recomputed"}
    await done(step_job("undisturbed", **config), tmp_path / "one")

    await died(step_job(**config), tmp_path / "two", fault)
    assert not (tmp_path / "after").exists()
    result = await done(step_job(**config), tmp_path / "two")

    assert result.state == "done"
    assert weights(tmp_path / "after") == weights(tmp_path / "undisturbed")


async def test_rollouts_whose_process_is_killed_are_the_same_when_tried_again(
    base: str, rollouts: tuple[Rollout, ...], tmp_path: Path
) -> None:
    await died(rollout_job(base), tmp_path, "rollouts")
    await done(rollout_job(base), tmp_path)

    assert tuple(read_rollouts(tmp_path / "rollouts.jsonl")) == rollouts


async def test_a_job_that_is_done_is_not_done_again(base: str, tmp_path: Path) -> None:
    first = await done(rollout_job(base), tmp_path)
    (tmp_path / "rollouts.jsonl").unlink()

    assert await done(rollout_job(base), tmp_path) == first
    assert not (tmp_path / "rollouts.jsonl").exists()


async def test_it_reports_how_far_it_is_and_stops_between_micro_batches(
    step_job: Callable[..., StepJob], tmp_path: Path
) -> None:
    told: list[Progress] = []
    job = step_job(epochs=500)

    result = await done(
        job,
        tmp_path,
        on_progress=told.append,
        cancelled=lambda: any(each.task == "training" for each in told),
    )

    assert (result.state, result.kind) == ("cancelled", "Cancelled")
    assert result.error == "The job was cancelled; nothing of its step was applied."
    assert not (tmp_path / "after").exists()
    assert {"reference's log-probabilities", "training"} <= {each.task for each in told}
    assert all(0 <= each.done <= each.total for each in told)


async def test_when_the_runner_goes_away_the_child_goes_too(
    step_job: Callable[..., StepJob], tmp_path: Path
) -> None:
    begun = asyncio.Event()
    running = asyncio.create_task(
        done(step_job(epochs=5000), tmp_path, on_progress=lambda progress: begun.set())
    )
    await asyncio.wait_for(begun.wait(), 60)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert not (tmp_path / "after").exists()


async def test_a_device_that_is_not_there_is_said_in_words(base: str, tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match="GPUs that torch can use"):
        await run_job(
            rollout_job(base),
            tmp_path,
            resources=Resources(device="cuda:7"),
            environment={"CUDA_VISIBLE_DEVICES": ""},
        )


async def test_memory_that_does_not_suffice_is_said_with_what_to_lower(
    step_job: Callable[..., StepJob], tmp_path: Path
) -> None:
    with pytest.raises(
        JobFailed, match=r"memory did not suffice for training.*Lower micro_batch_size, now 4"
    ):
        await done(step_job(), tmp_path, environment={VARIABLE: "training:1:memory"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"group_size": 3}, "16 rollouts do not divide into groups of 3"),
        ({"group_size": 8}, "are of different prompts"),
    ],
)
async def test_groups_that_do_not_fit_are_said_in_words(
    changes: dict[str, Any], said: str, step_job: Callable[..., StepJob], tmp_path: Path
) -> None:
    with pytest.raises(JobFailed, match=said):
        await done(step_job(**changes), tmp_path)


async def test_two_processes_share_the_model_and_come_to_the_same_step(
    step_job: Callable[..., StepJob], tmp_path: Path
) -> None:
    """FSDP2 by torchrun, over gloo; sums are taken in another order, so weights agree to rounding."""
    from safetensors.torch import load_file

    alone = await done(step_job("alone"), tmp_path / "one")
    shared = await run_job(
        step_job("shared"), tmp_path / "two", resources=Resources(device="cpu", threads=1, processes=2)
    )

    assert shared.metrics["tokens_trained"] == alone.metrics["tokens_trained"]
    assert shared.metrics["gradient_norm"] == pytest.approx(alone.metrics["gradient_norm"], rel=1e-4)
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("alone", "shared"))
    assert one.keys() == two.keys()
    assert all((one[name] - two[name]).abs().max() < 1e-4 for name in one)
