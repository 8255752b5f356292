"""A policy's run as rows, without a job: for pages."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models.functions import Now

from optimization.models import (
    Checkpoint,
    Dataset,
    DatasetVersion,
    Effect,
    Example,
    Iteration,
    PolicyStep,
    RolloutGroup,
    RolloutSource,
    Run,
    RunKind,
    Score,
    WorkItem,
    Workspace,
)
from optimization.runs.engine.pins import policy_pins
from optimization.runs.policy.config import PolicyRunConfig
from optimization.runs.policy.storage import packed

COMPONENTS = ("right", "short")


def make_policy_run(workspace: Workspace, user: User, *, steps: int) -> Run:
    """A running run of two components that has taken so many steps, each with a checkpoint and a test."""
    dataset = Dataset.objects.create(workspace=workspace, name="letters-to-us", title="Letters")
    version = DatasetVersion.objects.create(
        dataset=dataset, number=1, digest="d", sizes={"train": 4, "test": 2}
    )
    for split in ("train", "test"):
        for position in range(2):
            Example.objects.create(
                version=version,
                split=split,
                position=position,
                inputs={"ticket": f"Where is order {position}?"},
                target="delivery",
            )
    config = PolicyRunConfig.model_validate(
        {
            "kind": "policy",
            "components": [
                {
                    "name": name,
                    "dataset": "letters-to-us",
                    "prompt": "{ticket}\nTeam: ",
                    "reward": {"name": "VerifierLoss", "args": {"verifier": "exact"}},
                }
                for name in COMPONENTS
            ],
        }
    )
    run = Run.objects.create(
        workspace=workspace,
        kind=RunKind.POLICY,
        name="Tickets to teams",
        dataset_version=version,
        config=config.model_dump(mode="json"),
        pins=policy_pins(config),
        state_since=Now(),
        created_by=user,
        trainer_state={"candidate": "initial"},
    )
    for index, name in enumerate(COMPONENTS):
        RolloutSource.objects.create(run=run, index=index, name=name, dataset_version=version)
    _tested(run, 0, "initial", 0.25, ordinal=8)
    for number in range(steps):
        add_step(run, number)
    return run


def add_step(run: Run, number: int) -> None:
    """Step `number`, counted from 0: its groups, its figures, its checkpoint and a test."""
    Iteration.objects.get_or_create(run=run, number=number, defaults={"started_at": Now()})
    rolled = Effect.objects.create(
        run=run, iteration=number, ordinal=0, kind="rollout", digest="x", done_at=Now()
    )
    for index, rewards in enumerate(([1.0, 0.0, 1.0, 0.0], [0.0] * 4)):
        _group(run, rolled, index, "train", "initial", rewards)
    trained = Effect.objects.create(
        run=run, iteration=number, ordinal=2, kind="train", digest="x", done_at=Now()
    )
    WorkItem.objects.create(
        run=run,
        effect=trained,
        index=0,
        queue="gpu",
        kind="train",
        state="done",
        due_at=Now(),
        payload={"batch": f"{number}.0"},
    )
    key = f"step-{number + 1}"
    checkpoint = Checkpoint.objects.create(
        run=run, key=key, step=number + 1, iteration=number + 1, path=f"/nowhere/{key}", size=1_500_000
    )
    PolicyStep.objects.create(
        run=run,
        iteration=number,
        checkpoint=checkpoint,
        metrics={
            **{"reward": 0.2 + 0.1 * number, "reward/right": 0.3 + 0.1 * number, "reward/short": 0.1},
            **{"reward/right/std": 0.2, "reward/short/std": 0.05, "kl": 0.01 * number, "entropy": 1.2},
            **{"clip_fraction": 0.02, "length": 8.5, "groups": 2.0, "groups/zero_variance": 1.0},
            **{"tokens_per_second": 5400.0, "rollouts": 8.0, "rollouts_scored": 8.0, "truncated": 0.125},
            **{"rollouts_trained": 4.0, "gradient_norm": 0.7, "loss": 0.01},
        },
    )
    _tested(run, number, key, 0.3 + 0.1 * number, ordinal=4)
    run.iteration = number + 1
    run.trainer_state = {"candidate": key}
    run.save(update_fields=["iteration", "trainer_state"])


def _tested(run: Run, iteration: int, checkpoint: str, mean: float, *, ordinal: int) -> None:
    effect = Effect.objects.create(
        run=run, iteration=iteration, ordinal=ordinal, kind="rollout", digest="x", done_at=Now()
    )
    position = 0 if checkpoint == "initial" else iteration + 1
    for index in range(2):
        _group(run, effect, index, "test", checkpoint, [float(position > index)])
    Score.objects.create(
        run=run, position=position, split="test", candidate=checkpoint, mean=mean, stderr=0.05, count=2
    )


def _group(run: Run, effect: Effect, index: int, split: str, checkpoint: str, rewards: list[float]) -> None:
    texts = ["delivery" if reward else "billing?" for reward in rewards]
    RolloutGroup.objects.create(
        run=run,
        effect=effect,
        index=index,
        source=index % len(COMPONENTS),
        split=split,
        example=index,
        checkpoint=checkpoint,
        prompt={
            "text": f"Where is order {index}?\nTeam: ",
            "target": "delivery",
            "tokens": packed(list(b"Where"), "i"),
        },
        samples=[
            {
                "text": text,
                "tokens": packed(list(text.encode()), "i"),
                "log_probs": packed([-0.5] * len(text)),
                "pieces": list(text),
                "temperature": 1.0,
                "finished": True,
            }
            for text in texts
        ],
        rewards=rewards,
        verdicts=[["The output must be exactly 'delivery'."] if not reward else [] for reward in rewards],
        figures=None
        if split == "test"
        else [
            {
                "kl": packed([0.0, 0.02, 0.1, 0.3, 0.9, 0.0, 0.0, 0.0]),
                "ratio": packed([2.0 if reward else 0.5, 1.2, 1.05, 1.0, 0.96, 0.8, 0.5, 1.0]),
            }
            for reward in rewards
        ],
    )
