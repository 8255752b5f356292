"""A policy's run goes from rollouts to rewards to steps, in the engine that prompts' runs have."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from optimization.models import Checkpoint, PolicyJob, PolicyStep, RolloutGroup, Run, RunState, Score
from optimization.runs.policy.selectors import iteration_groups
from optimization.runs.policy.storage import sampled_of, unpacked

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]
Play = Callable[[Run], Run]


def test_a_run_samples_scores_and_steps_to_its_end(launch: Launch, play: Play, policy_folder: Path) -> None:
    run = play(launch())

    assert run.reason == "Finished after 2 iterations."
    assert run.state == RunState.FINISHED
    first, second = PolicyStep.objects.filter(run=run).order_by("iteration")
    assert first.metrics["groups"] == 3
    assert first.metrics["rollouts_scored"] == 12
    assert {"reward/vowels", "kl", "clip_fraction", "entropy", "length", "tokens_per_second"} <= set(
        second.metrics
    )
    assert [step.staleness for step in (first, second)] == [0, 0]
    assert run.trainer_state["candidate"] == "step-2"
    assert [Path(each.path).is_dir() for each in Checkpoint.objects.filter(run=run)] == [True, True]
    assert list(Score.objects.filter(run=run).order_by("position").values_list("position", "count")) == [
        (0, 2),
        (1, 2),
        (2, 2),
    ]
    assert not list((policy_folder / f"run-{run.pk}" / "jobs").iterdir())


def test_what_a_rollout_was_sampled_with_is_stored_with_it(launch: Launch, play: Play) -> None:
    run = play(launch(iterations=1))
    group = RolloutGroup.objects.filter(run=run, split="train").first()
    assert group is not None
    sample, figures = group.samples[0], group.figures[0]

    tokens = unpacked(sample["tokens"], "i")
    assert bytes(token for token in tokens if token < 256).decode(errors="replace") == sample["text"]
    assert len(unpacked(sample["log_probs"])) == len(sample["pieces"]) == len(tokens)
    assert len(unpacked(figures["ratio"])) == len(tokens)
    assert all(divergence >= 0 for divergence in unpacked(figures["kl"] or ""))
    assert group.prompt["text"].endswith(" is ")
    assert group.checkpoint == "initial"
    assert [value in (0.0, 1.0) for value in group.rewards] == [True] * 4


def test_the_same_seed_comes_to_the_same_weights(launch: Launch, play: Play) -> None:
    def weights() -> bytes:
        last = Checkpoint.objects.filter(run=play(launch())).order_by("-step").first()
        assert last is not None
        return (Path(last.path) / "model.safetensors").read_bytes()

    assert weights() == weights()


@pytest.mark.parametrize("most", [1, 2])
def test_rollouts_sampled_ahead_are_no_older_than_allowed(most: int, launch: Launch, play: Play) -> None:
    run = play(launch(args={"max_staleness": most, "eval_frequency": 0}, iterations=4))

    steps = PolicyStep.objects.filter(run=run).order_by("iteration").values_list("staleness", flat=True)
    assert list(steps) == [min(iteration, most) for iteration in range(4)]


def test_several_components_each_have_their_own_prompts_and_reward(
    launch: Launch, play: Play, letters: str
) -> None:
    components = [
        {
            "name": name,
            "dataset": letters,
            "prompt": f"{name} {{text}}",
            "reward": {"name": "VerifierLoss", "args": {"verifier": {"name": "regex", "pattern": pattern}}},
        }
        for name, pattern in (("any", "(?s).*"), ("never", "^(?!)"))
    ]
    run = play(launch(components=components, args={"prompts_per_step": 12}, iterations=1))

    step = PolicyStep.objects.get(run=run)
    assert (step.metrics["reward/any"], step.metrics["reward/never"]) == (1.0, 0.0)
    # In every group all rewards are equal: a step with nothing to learn from is a step all the same, and says so.
    assert step.metrics["groups/zero_variance"] == 12
    assert step.checkpoint is None
    assert run.iterations.get(number=0).note == "nothing to learn from"
    assert run.state == RunState.FINISHED


def test_the_jobs_tell_how_far_they_are(launch: Launch, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimization.runs.policy.gpu.EVERY_SECONDS", 0.01)
    run = play(launch(iterations=1))

    jobs = PolicyJob.objects.filter(item__run=run)
    assert jobs.exists()
    assert {job.device for job in jobs} == {"cpu"}
    assert all(0 <= job.done <= job.total for job in jobs)


def test_a_conversation_of_several_turns_is_sampled_scored_and_trained(
    launch: Launch, play: Play, letters: str
) -> None:
    """The user's second message stands in the rollout, read and not sampled; only a reply that ended is followed."""
    reward = {"name": "VerifierLoss", "args": {"verifier": {"name": "regex", "pattern": "[aeiou0-9]"}}}
    component = {"name": "talk", "dataset": letters, "prompt": "{text}", "chat": True, "reward": reward}
    arguments = {"sampling": {"max_tokens": 8}, "group_size": 32, "eval_frequency": 0}
    run = play(launch(components=[component | {"follow_ups": ["so {text}"]}], args=arguments, iterations=1))

    assert run.state == RunState.FINISHED, run.reason
    samples = [
        sample for group in RolloutGroup.objects.filter(run=run).order_by("index") for sample in group.samples
    ]
    followed = [sample for sample in samples if "mask" in sample]
    assert followed, "no reply ended by itself"
    for sample in followed:
        read = [
            piece for piece, sampled in zip(sample["pieces"], sampled_of(sample), strict=True) if not sampled
        ]
        assert re.fullmatch(r"user: so \d is\nassistant: ", "".join(read))
    step = PolicyStep.objects.get(run=run)
    assert step.metrics["length/longest"] <= 16
    shown = [token for group in iteration_groups(run, 0) for s in group.samples for token in s.tokens]
    assert {(token.kl, token.ratio) for token in shown if not token.sampled} == {(None, None)}
