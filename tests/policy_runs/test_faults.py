"""Whatever becomes of a job, the run is kept, says in words what to do, and ends with the same weights."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from pytest_django.fixtures import Settings

from optimization.models import Checkpoint, PolicyStep, RolloutGroup, Run, RunState, WorkItem
from optimization.policy.faults import VARIABLE
from optimization.policy.jobs import Progress, Resources, children, runner
from optimization.policy.jobs.children import Child
from optimization.policy.jobs.spec import JobFolder
from optimization.policy.models import save_model
from optimization.policy.tokenisation import ByteTokenizer
from optimization.policy.transformer import Architecture, Transformer
from optimization.runs.checks import LaunchError
from optimization.runs.policy import gpu
from optimization.runs.policy.settling import TrainedNow
from optimization.runs.services import run_cancel, run_retry

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]
Play = Callable[[Run], Run]


def weights(run: Run) -> bytes:
    last = Checkpoint.objects.filter(run=run).latest("step")
    return (Path(last.path) / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    "fault",
    [
        "rollouts:1",
        "reference's log-probabilities:1",
        "training:1",
        "training:2",
        "checkpoint:1",
        "checkpoint_written:1",
    ],
)
def test_a_job_that_is_killed_is_done_again_to_the_same_weights(
    fault: str, launch: Launch, play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = {"micro_batch_size": 4, "minibatches": 2}
    undisturbed = play(launch(iterations=1, args=args))
    monkeypatch.setenv(VARIABLE, f"{fault}:{tmp_path / 'died'}")
    monkeypatch.setattr("optimization.runs.policy.work.DEATHS_ALLOWED", 3)

    run = play(launch(iterations=1, args=args))

    assert (tmp_path / "died").exists()
    assert run.state == RunState.FINISHED
    assert WorkItem.objects.filter(run=run, errors=1).count() == 1
    assert weights(run) == weights(undisturbed)
    assert PolicyStep.objects.filter(run=run).count() == 1


@pytest.mark.parametrize("kind", ["step", "rollout"])
def test_a_full_disk_stops_the_run_in_words_and_the_last_good_checkpoint_stays(
    kind: str, launch: Launch, play: Play, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the size of the child's files stands in for the end of the disk: the system refuses both alike."""
    undisturbed = play(launch(iterations=2, args={"eval_frequency": 0}))
    run = play(launch(iterations=1, args={"eval_frequency": 0}))
    Run.objects.filter(pk=run.pk).update(
        state=RunState.RUNNING, config=run.config | {"iterations": 2}, finished_at=None
    )
    before = weights(run)
    start = runner.start_child

    async def limited(files: JobFolder, *args: Any) -> Child:
        child = await start(files, *args)
        job = files.asked()
        if job is not None and job.kind == kind:
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (1000, 1000))
        return child

    with monkeypatch.context() as full:
        full.setattr(runner, "start_child", limited)
        run = play(run)

    assert run.state == RunState.NEEDS_ATTENTION
    assert re.search(r"There is no room \(\d+ MB free\): make some", run.reason), run.reason
    assert (weights(run), Checkpoint.objects.filter(run=run).count()) == (before, 1)
    run_retry(run=run, user=operator)
    run = play(run)
    assert run.state == RunState.FINISHED
    assert weights(run) == weights(undisturbed)


def test_a_job_that_dies_again_and_again_stops_the_run_in_words_and_a_retry_goes_on(
    launch: Launch, play: Play, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "training:1")
    run = play(launch(iterations=1))
    assert run.state == RunState.NEEDS_ATTENTION
    assert "process was killed" in run.reason
    assert "lower micro_batch_size" in run.reason

    monkeypatch.delenv(VARIABLE)
    run_retry(run=run, user=operator)

    assert play(run).state == RunState.FINISHED


def test_memory_that_does_not_suffice_is_said_with_what_to_lower(
    launch: Launch, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "training:1:memory")

    run = play(launch(iterations=1))

    assert run.state == RunState.NEEDS_ATTENTION
    assert "The memory did not suffice for training" in run.reason
    assert "Lower micro_batch_size, now 64." in run.reason
    assert WorkItem.objects.get(run=run, kind="train").errors == 1


def test_a_loss_that_is_no_number_stops_the_run_in_words_and_applies_nothing(
    launch: Launch, play: Play
) -> None:
    """A learning rate like this one sends the weights away in the first of two optimizer steps."""
    run = play(launch(iterations=1, args={"learning_rate": 1e30, "minibatches": 2, "eval_frequency": 0}))

    assert run.state == RunState.NEEDS_ATTENTION
    assert re.search(r"The (loss|gradient's norm) is (nan|inf); nothing was applied", run.reason), run.reason
    assert not Checkpoint.objects.filter(run=run).exists()
    assert WorkItem.objects.get(run=run, kind="train").errors == 1


def test_a_package_that_is_missing_stops_the_run_with_what_to_install(
    launch: Launch, play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of that name which cannot be imported stands before the real one on the child's path."""
    (tmp_path / "peft.py").write_text("raise ImportError('not here')")

    async def without(files: JobFolder, resources: Resources, environment: dict[str, str]) -> Child:
        found = children.child_environment(resources)
        path = f"{tmp_path}:{found['PYTHONPATH']}"
        return await children._by_torchrun(files, 1, found | environment | {"PYTHONPATH": path})

    monkeypatch.setattr(runner, "start_child", without)
    run = play(launch(iterations=1, args={"lora": {"rank": 2}, "eval_frequency": 0}))

    assert run.state == RunState.NEEDS_ATTENTION
    assert (
        "LoRA needs the package peft, which is not installed. Install it with: pip install peft" in run.reason
    )


def test_a_model_that_is_not_there_stops_the_run_in_words(launch: Launch, play: Play, tmp_path: Path) -> None:
    run = play(launch(base=str(tmp_path / "nothing")))

    assert run.state == RunState.NEEDS_ATTENTION
    assert "cannot be loaded" in run.reason


def test_a_checkpoint_of_another_architecture_stops_the_run_and_is_left_alone(
    launch: Launch, play: Play, operator: User, base: str
) -> None:
    run = play(launch(iterations=1))
    first = Checkpoint.objects.get(run=run)
    config = Path(first.path) / "model.safetensors"
    other = Path(first.path).with_name("other")
    save_model(other, Transformer(Architecture(context=64, width=32, layers=1, heads=2)), ByteTokenizer())
    config.write_bytes((other / "model.safetensors").read_bytes())
    Run.objects.filter(pk=run.pk).update(
        state=RunState.RUNNING, config=run.config | {"iterations": 2}, finished_at=None
    )

    run = play(run)

    assert run.state == RunState.NEEDS_ATTENTION
    assert "is of another architecture than the model" in run.reason
    assert Checkpoint.objects.filter(run=run).count() == 1


def test_a_worker_without_torch_says_how_to_install_it(
    launch: Launch, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimization.runs.policy.gpu.find_spec", lambda name: None)

    run = play(launch())

    assert run.state == RunState.NEEDS_ATTENTION
    assert "manage.py install_policies" in run.reason


def test_a_worker_that_lost_its_lease_points_nowhere(launch: Launch, play: Play) -> None:
    """The pointer is written under the fence: a late result changes nothing."""
    run = play(launch(iterations=1))
    item = WorkItem.objects.get(run=run, kind="train")
    stale = Checkpoint(run=run, key="step-9", step=9, path="/nowhere")

    assert TrainedNow.apply([TrainedNow(item, {}, stale)]) == [False]
    assert not Checkpoint.objects.filter(key="step-9").exists()


def test_the_latest_checkpoints_and_the_best_are_kept(launch: Launch, play: Play) -> None:
    run = play(launch(iterations=5, checkpoints_kept=2, args={"eval_frequency": 5}))

    kept = Checkpoint.objects.filter(run=run, removed_at=None).values_list("step", flat=True)
    assert sorted(kept) == [3, 4, 5]
    assert all(
        Path(each.path).is_dir() is (each.removed_at is None) for each in Checkpoint.objects.filter(run=run)
    )


def test_no_prompt_to_train_on_is_no_launch(launch: Launch) -> None:
    with pytest.raises(LaunchError, match="no dataset"):
        launch(
            components=[{"name": "x", "dataset": "none", "prompt": "p", "reward": {"name": "VerifierLoss"}}]
        )


def test_where_policies_are_switched_off_a_launch_says_so(launch: Launch, settings: Settings) -> None:
    settings.POLICIES = "off"

    with pytest.raises(LaunchError, match="HANDGRAD_POLICIES"):
        launch()
    assert not RolloutGroup.objects.exists()


def test_a_cancelled_runs_job_stops_between_two_micro_batches(
    launch: Launch, play: Play, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = launch(iterations=1, args={"eval_frequency": 0, "epochs": 5000})
    noted, cancelling = gpu._Watch._note, []

    def cancel() -> None:
        run_cancel(run=run, user=operator)
        connections.close_all()

    def note(watch: gpu._Watch, progress: Progress) -> None:
        noted(watch, progress)
        if progress.task == "training" and not cancelling:
            cancelling.append(Thread(target=cancel))
            cancelling[0].start()

    monkeypatch.setattr(gpu, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(gpu._Watch, "_note", note)
    run = play(run)
    cancelling[0].join()

    assert run.state == RunState.CANCELLED
    assert not PolicyStep.objects.filter(run=run).exists()
    assert not Checkpoint.objects.filter(run=run).exists()
