"""What a worker writes when it lets go of a policy's item, as operations for the writing thread; under the item's fence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from django.db.models.functions import Now

from optimization.models import Checkpoint, PolicyJob, PolicyStep, RolloutGroup, WorkItem
from optimization.runs.engine.faults import fault
from optimization.runs.engine.leases import mine, settle
from optimization.runs.events import progress_announce


@dataclass(frozen=True)
class RolledOutNow:
    """The rollouts of an item, group by group."""

    item: WorkItem
    groups: Sequence[RolloutGroup]
    metrics: dict[str, float]

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        return [operation._store() for operation in batch]

    def _store(self) -> bool:
        fault("before_commit")
        kept = settle(self.item, {"metrics": self.metrics})
        if kept:
            RolloutGroup.objects.bulk_create(self.groups)
        return kept


@dataclass(frozen=True)
class RewardedNow:
    """A group's rewards, a number a sample or None, and what was said of each."""

    item: WorkItem
    group: int
    rewards: Sequence[float | None]
    verdicts: Sequence[Sequence[str]]

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        return [operation._store() for operation in batch]

    def _store(self) -> bool:
        kept = settle(self.item, {"rewards": list(self.rewards)})
        if kept:
            RolloutGroup.objects.filter(pk=self.group).update(
                rewards=list(self.rewards), verdicts=[list(said) for said in self.verdicts]
            )
        return kept


@dataclass(frozen=True)
class TrainedNow:
    """A step: what it was measured by, the checkpoint that it led to, if it did, and its tokens' figures by group."""

    item: WorkItem
    metrics: dict[str, float]
    checkpoint: Checkpoint | None
    figures: dict[int, list[Any]] = field(default_factory=dict)

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        return [operation._store() for operation in batch]

    def _store(self) -> bool:
        """The pointer, the step and the item in one transaction: all of it, once, or nothing."""
        fault("before_step")
        if not settle(self.item, {"trained": self.checkpoint is not None}):
            return False
        if self.checkpoint is not None:
            self.checkpoint.save(force_insert=True)
        PolicyStep.objects.create(
            run_id=self.item.run_id,
            iteration=self.item.effect.iteration,
            checkpoint=self.checkpoint,
            staleness=self.item.payload["staleness"],
            metrics=self.metrics,
        )
        for group, figures in self.figures.items():
            RolloutGroup.objects.filter(pk=group).update(figures=figures)
        fault("after_step")
        return True


@dataclass(frozen=True)
class Progressed:
    """How far the item's job is; the pages that follow its run are told."""

    item: WorkItem
    task: str
    done: int
    total: int
    device: str

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[bool]:
        return [operation._store() for operation in batch]

    def _store(self) -> bool:
        if not WorkItem.objects.filter(mine(self.item)).exists():
            return False
        facts = {"task": self.task, "done": self.done, "total": self.total, "device": self.device}
        PolicyJob.objects.update_or_create(
            item=self.item,
            defaults={**facts, "updated_at": Now()},
            create_defaults={**facts, "begun_at": Now(), "updated_at": Now()},
        )
        progress_announce(self.item.run_id)
        return True
