"""From a policy's effect to its work items, and from what they left in the database back to the effect's result."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import Any

from pydantic import TypeAdapter

from optimization.models import (
    Effect as EffectRow,
)
from optimization.models import (
    Iteration,
    PolicyStep,
    RolloutGroup,
    RolloutSource,
    Run,
    Score,
)
from optimization.runs.policy.config import PolicyRunConfig
from optimization.trainers.effects import Effect
from optimization.trainers.policy_effects import (
    EvaluatePolicy,
    Measured,
    Reward,
    Rewarded,
    RolledOut,
    Rollout,
    Train,
    Trained,
)

QUEUES = {"rollout": "gpu", "train": "gpu", "reward": "llm"}
RESULTS: dict[type[Effect], TypeAdapter[Any]] = {
    Rollout: TypeAdapter(RolledOut),
    Reward: TypeAdapter(Rewarded),
    Train: TypeAdapter(Trained),
    EvaluatePolicy: TypeAdapter(Measured),
}


def groups_of(run: Run, batch: str) -> Any:
    """The groups of a batch, which is named by its effect's place in the run, in their order."""
    iteration, ordinal = map(int, batch.split("."))
    return RolloutGroup.objects.filter(
        run=run, effect__iteration=iteration, effect__ordinal=ordinal
    ).order_by("index")


def batch_of(row: EffectRow) -> str:
    return f"{row.iteration}.{row.ordinal}"


def policy_payloads(run: Run, effect: Effect) -> list[dict[str, Any]]:
    """The parts of an effect: a job of the GPU's, or a group each to be scored."""
    match effect:
        case Rollout() | Train():
            return [effect.model_dump(mode="json", exclude={"kind"})]
        case Reward():
            people = PolicyRunConfig.model_validate(run.config).people
            most = people.per_iteration
            groups = groups_of(run, effect.batch).values_list("pk", flat=True)
            return [
                {"group": pk, "audience": "people" if most is None or place < most else "rehearsal"}
                for place, pk in enumerate(groups)
            ]
    return []


def policy_result(run: Run, effect: Effect, row: EffectRow) -> Any:
    """What came of an effect whose work is done; the curve's points and the iteration's line are written with it."""
    match effect:
        case Rollout():
            groups = RolloutGroup.objects.filter(effect=row)
            count = sum(len(samples) for samples in groups.values_list("samples", flat=True))
            return RolledOut(batch=batch_of(row), step=effect.step, rollouts=count)
        case Reward():
            return _rewarded(run, effect)
        case Train():
            return _trained(run, effect)
        case EvaluatePolicy():
            return _measured(run, effect)
    raise TypeError(f"{effect.kind} is no effect of a policy's.")


def _rewarded(run: Run, effect: Reward) -> Rewarded:
    rewards = [value for _, value in _rewards(run, effect.batch)]
    return Rewarded(batch=effect.batch, mean=fmean(rewards) if rewards else None, scored=len(rewards))


def _trained(run: Run, effect: Train) -> Trained:
    step = PolicyStep.objects.select_related("checkpoint").get(run=run, iteration=run.iteration)
    trained = step.checkpoint is not None
    said = "trained" if trained else "nothing to learn from"
    Iteration.objects.filter(run=run, number=run.iteration).update(
        train_score=step.metrics.get("reward"), note=said, changed=["weights"] if trained else []
    )
    key = step.checkpoint.key if step.checkpoint else effect.checkpoint
    return Trained(checkpoint=key, trained=trained)


def _measured(run: Run, effect: EvaluatePolicy) -> Measured:
    """A test before the iteration's step belongs to the state that the iteration began with."""
    by_source: dict[int, list[float]] = {}
    for source, value in _rewards(run, effect.batch):
        by_source.setdefault(source, []).append(value)
    values = [value for some in by_source.values() for value in some]
    names = dict(RolloutSource.objects.filter(run=run).values_list("index", "name"))
    measured = Measured(
        checkpoint=effect.checkpoint,
        mean=fmean(values) if values else None,
        stderr=stdev(values) / len(values) ** 0.5 if len(values) > 1 else None,
        count=len(values),
        components={names[source]: fmean(some) for source, some in sorted(by_source.items())},
    )
    stepped = PolicyStep.objects.filter(run=run, iteration=run.iteration).exists()
    Score.objects.update_or_create(
        run=run,
        position=run.iteration + (1 if stepped else 0),
        split="test",
        defaults={
            "candidate": effect.checkpoint,
            "mean": measured.mean,
            "stderr": measured.stderr,
            "count": measured.count,
        },
    )
    return measured


def _rewards(run: Run, batch: str) -> list[tuple[int, float]]:
    """(component, reward) of every rollout that somebody has scored."""
    return [
        (source, value)
        for source, rewards in groups_of(run, batch).values_list("source", "rewards")
        for value in rewards or ()
        if value is not None
    ]
