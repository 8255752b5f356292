"""What pages and REST read of policies: steps, checkpoints, groups of rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

from django.db.models import QuerySet

from optimization.models import Checkpoint, PolicyStep, RolloutGroup, RolloutSource, Run, Score
from optimization.runs.policy.advantages import Rule
from optimization.runs.policy.past import lineage_of
from optimization.runs.policy.storage import sampled_of, unpacked


@dataclass(frozen=True)
class StepRow:
    """A training step: `number` counts from 1, as people do."""

    number: int
    metrics: dict[str, float]
    staleness: int
    checkpoint: str
    at: datetime

    @property
    def zero_variance(self) -> int:
        return int(self.metrics.get("groups/zero_variance", 0))

    @property
    def cut(self) -> str:
        """The share of completions that were cut at their greatest length."""
        return f"{self.metrics.get('truncated', 0.0):.0%}"


@dataclass(frozen=True)
class CheckpointRow:
    """Weights that can be had: `reward` on the test prompts and on the batch that they were trained on; `kept` is False
    once they were pruned, `current` marks where the run stands, `best` the greatest test reward."""

    key: str
    step: int
    iteration: int
    size: int
    made_at: datetime
    kept: bool
    current: bool
    best: bool
    reward: float | None
    stderr: float | None
    kl: float | None
    entropy: float | None
    length: float | None

    @property
    def next(self) -> int:
        """The name, counted from 1, of the iteration that began with these weights."""
        return self.iteration + 1

    @property
    def megabytes(self) -> float:
        return self.size / 1e6


@dataclass(frozen=True)
class Token:
    """A token: its text, how far its probability is from the reference's, how much likelier the step made it.

    What the policy read between two of its turns was not `sampled`, and has none of these.
    """

    text: str
    kl: float | None
    ratio: float | None
    log_prob: float
    sampled: bool = True


@dataclass(frozen=True)
class Sample:
    """One completion. `advantage` is what the step made of its reward against its group's (runs.policy.advantages)."""

    number: int
    text: str
    reward: float | None
    advantage: float | None
    verdict: tuple[str, ...]
    finished: bool
    tokens: tuple[Token, ...]

    @property
    def kl(self) -> float | None:
        known = [token.kl for token in self.tokens if token.sampled and token.kl is not None]
        return fmean(known) if known else None


@dataclass(frozen=True)
class Group:
    """The completions of one prompt. `mean` is over those that have a reward; `varied` says that they differ."""

    id: int
    index: int
    component: str
    prompt: str
    target: Any
    checkpoint: str
    samples: tuple[Sample, ...]
    mean: float | None
    varied: bool


def policy_steps(run: Run, *, last: int | None = None) -> list[StepRow]:
    """In order; `last` limits them to the latest."""
    found = PolicyStep.objects.filter(run=run).select_related("checkpoint").order_by("-iteration")[:last]
    return [
        StepRow(
            number=step.iteration + 1,
            metrics=step.metrics,
            staleness=step.staleness,
            checkpoint=step.checkpoint.key if step.checkpoint else "",
            at=step.created_at,
        )
        for step in reversed(found)
    ]


def checkpoints_of(run: Run) -> list[CheckpointRow]:
    """The newest first."""
    scores = {
        score.candidate: score
        for score in Score.objects.filter(run=run, split="test", mean__isnull=False).order_by("position")
    }
    best = max(scores.values(), key=lambda score: (score.mean or 0.0, score.position), default=None)
    metrics = {
        step.checkpoint_id: step.metrics
        for step in PolicyStep.objects.filter(run=run, checkpoint__isnull=False)
    }
    current = run.trainer_state.get("candidate")
    rows = []
    for checkpoint in Checkpoint.objects.filter(run=run).order_by("-step"):
        score, measured = scores.get(checkpoint.key), metrics.get(checkpoint.pk, {})
        rows.append(
            CheckpointRow(
                key=checkpoint.key,
                step=checkpoint.step,
                iteration=checkpoint.iteration,
                size=checkpoint.size,
                made_at=checkpoint.created_at,
                kept=checkpoint.removed_at is None,
                current=checkpoint.key == current,
                best=best is not None and best.candidate == checkpoint.key,
                reward=score.mean if score else None,
                stderr=score.stderr if score else None,
                kl=measured.get("kl"),
                entropy=measured.get("entropy"),
                length=measured.get("length"),
            )
        )
    return rows


def checkpoint_found(run: Run, key: str) -> Checkpoint | None:
    """One that is still there to be had."""
    return Checkpoint.objects.filter(run=run, key=key, removed_at=None).first()


def iteration_groups(run: Run, number: int) -> list[Group]:
    """The groups that the iteration's step was taken on, or is to be; those of its tests are not among them."""
    groups = list(training_groups(run, number))
    rule = Rule.of(run.config)
    if rule is None:
        return [group_read(run, group) for group in groups]
    lengths = [[sum(sampled_of(sample)) for sample in group.samples] for group in groups]
    advantages = rule.advantages([rewards_of(group) for group in groups], lengths)
    return [group_read(run, *both) for both in zip(groups, advantages, strict=True)]


def training_groups(run: Run, number: int) -> QuerySet[RolloutGroup]:
    """By the batch that the iteration's reward names: rolled out in it, or ahead of it."""
    sampled = RolloutGroup.objects.filter(run=run, split="train")
    trained = run.work.filter(effect__iteration=number, kind="train").first()
    if trained is not None:
        iteration, ordinal = map(int, trained.payload["batch"].split("."))
        return sampled.filter(effect__iteration=iteration, effect__ordinal=ordinal).order_by("index")
    return sampled.filter(effect__iteration=number).order_by("effect", "index")


def rewards_of(group: RolloutGroup) -> list[float | None]:
    """One a completion; None where nobody has scored it."""
    return group.rewards or [None] * len(group.samples)


def group_read(run: Run, group: RolloutGroup, advantages: Sequence[float | None] | None = None) -> Group:
    names = dict(RolloutSource.objects.filter(run=run).values_list("index", "name"))
    rewards = rewards_of(group)
    known = [value for value in rewards if value is not None]
    mean = fmean(known) if known else None
    prompt = group.prompt["text"]
    return Group(
        id=group.pk,
        index=group.index,
        component=names.get(group.source, ""),
        prompt=prompt if isinstance(prompt, str) else "\n".join(str(each["content"]) for each in prompt),
        target=group.prompt["target"],
        checkpoint=group.checkpoint,
        samples=tuple(
            Sample(
                number=place + 1,
                text=sample["text"],
                reward=rewards[place],
                advantage=advantages[place] if advantages else None,
                verdict=tuple(group.verdicts[place]) if place < len(group.verdicts) else (),
                finished=sample["finished"],
                tokens=_tokens(sample, group.figures[place] if group.figures else None),
            )
            for place, sample in enumerate(group.samples)
        ),
        mean=mean,
        varied=len(set(known)) > 1,
    )


def _tokens(sample: dict[str, Any], figures: dict[str, Any] | None) -> tuple[Token, ...]:
    count = len(sample["pieces"])
    kl = unpacked(figures["kl"]) if figures and figures["kl"] else [None] * count
    ratio = unpacked(figures["ratio"]) if figures else [None] * count
    log_probs = unpacked(sample["log_probs"])
    rows = zip(sample["pieces"], kl, ratio, log_probs, sampled_of(sample), strict=True)
    return tuple(Token(*row) if row[-1] else Token(row[0], None, None, 0.0, False) for row in rows)


@dataclass(frozen=True)
class Compared:
    """What two checkpoints said to one test prompt; None where one of them was not asked."""

    prompt: str
    target: Any
    a: Sample | None
    b: Sample | None

    @property
    def gain(self) -> float:
        """How much better the second one did."""
        if self.a is None or self.b is None or self.a.reward is None or self.b.reward is None:
            return 0.0
        return self.b.reward - self.a.reward

    @property
    def differs(self) -> bool:
        return self.a is None or self.b is None or self.a.text != self.b.text


def compared(run: Run, a: str, b: str) -> list[Compared]:
    """The test prompts with what each of two checkpoints said; the greatest differences in reward first."""
    sides = [_tested(run, key) for key in (a, b)]
    pairs = []
    for place in sorted(set(sides[0]) | set(sides[1])):
        groups = [side.get(place) for side in sides]
        known = next(group for group in groups if group is not None)
        first, second = (group.samples[0] if group else None for group in groups)
        pairs.append(Compared(known.prompt, known.target, first, second))
    return sorted(pairs, key=lambda pair: (-abs(pair.gain), not pair.differs))


def _tested(run: Run, checkpoint: str) -> dict[tuple[int, int], Group]:
    """By component and example, what the checkpoint said when it was tested, by this run or by one that it forked from."""
    for at in lineage_of(run, checkpoint):
        found = RolloutGroup.objects.filter(run=at, split="test", checkpoint=checkpoint).order_by("pk")
        if found:
            return {(group.source, group.example): group_read(at, group) for group in found}
    return {}
