"""What a run is launched with: the same data from the form, from REST and from a script."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from optimization.trainers.stoppers import NoImprovement, Stopper, TargetScore, TimeLimit

ASKED = frozenset({"criteria", "rubric", "aspects", "n"})
"""What a loss asks, whoever is asked."""


LONGEST_DEADLINE = 90 * 24 * 60
"""Minutes."""


class Choice(BaseModel):
    """A trainer, optimizer or loss by its public name, with the arguments of its signature."""

    model_config = ConfigDict(extra="forbid")

    name: str
    args: dict[str, Any] = {}

    @property
    def members(self) -> list[Choice]:
        """The losses that a composite one is made of, as far as they can be read."""
        try:
            return [Choice.model_validate(member) for member, _ in self.args.get("losses", ())]
        except (TypeError, ValueError):
            return []

    @property
    def asks_people(self) -> bool:
        return self.name.startswith("Human") or any(member.asks_people for member in self.members)

    def by_models(self) -> Choice:
        """The loss that asks models what this one asks people."""
        if members := self.members:
            weights = [weight for _, weight in self.args["losses"]]
            asked = [member.by_models().model_dump() for member in members]
            return Choice(
                name=self.name, args={**self.args, "losses": list(zip(asked, weights, strict=True))}
            )
        if not self.name.startswith("Human"):
            return self
        args = {name: value for name, value in self.args.items() if name in ASKED}
        return Choice(name=self.name.replace("Human", "LLM", 1), args=args)


class Colleague(BaseModel):
    """A model judge as a colleague: the people's question goes to the endpoint “judge” too, `samples` times.

    Where at least `sure` of the samples agree its answer stands, but for a share `audit` of the questions, which people
    answer as well, so that the two can be compared. What it is unsure of goes to people.
    """

    model_config = ConfigDict(extra="forbid")

    samples: int = Field(default=3, ge=1, le=9)
    sure: float = Field(default=0.8, ge=0, le=1)
    audit: float = Field(default=0.2, gt=0, le=1)


class People(BaseModel):
    """Who judges. `per_iteration` of a batch's examples go to people (all of them where it is None); rehearsal
    colleagues, if they take part, judge the rest. `wanted` is the number of annotators a question; with `most`, one more
    is asked, up to that many, while the score is uncertain. `per_person` caps what one person answers of the run; only
    the members of `panel`, or the one `person` of that name, are asked. `weighted` counts each annotator by their weight. Where annotators agree less than
    `review_below`, 0..1, a reviewer decides. A share `gold` of the questions has a gold item beside it, a share
    `mirrored` of the comparisons is asked a second time with the sides changed.

    A question that people have not answered within `deadline_minutes` (None: they may take their time) is treated as
    `on_deadline` says: go on with the answers that are there, ask a model judge in their place and say so, extend its
    time by as much again, or stop the run for an operator. A proposal that waits for approval has as long; where nobody
    decides on it, to go on or to ask a model means to keep the prompts in force."""

    model_config = ConfigDict(extra="forbid")

    per_iteration: int | None = Field(default=None, ge=0)
    rehearsal: bool = False
    wanted: int = Field(default=1, ge=1, le=9)
    most: int | None = Field(default=None, ge=2, le=9)
    per_person: int | None = Field(default=None, ge=1)
    panel: str | None = Field(default=None, max_length=80)
    person: str | None = Field(default=None, max_length=150)
    weighted: bool = False
    review_below: float | None = Field(default=None, gt=0, le=1)
    gold: float = Field(default=0.0, ge=0, le=0.5)
    mirrored: float = Field(default=0.0, ge=0, le=0.5)
    colleague: Colleague | None = None
    deadline_minutes: int | None = Field(default=None, ge=1, le=LONGEST_DEADLINE)
    on_deadline: Literal["go_on", "model", "extend", "stop"] = "go_on"

    @property
    def within(self) -> timedelta | None:
        """How long people have to answer a question."""
        return None if self.deadline_minutes is None else timedelta(minutes=self.deadline_minutes)


class Stop(BaseModel):
    """When a run ends before its iterations are over: at a score; after so many scores in a row without a better one; so
    many hours after its first iteration began. Held-out scores count, training scores where nothing is held out."""

    model_config = ConfigDict(extra="forbid")

    target_score: float | None = Field(default=None, ge=0, le=1)
    patience: int | None = Field(default=None, ge=1)
    hours: float | None = Field(default=None, gt=0)

    def stoppers(self) -> list[Stopper]:
        found: list[Stopper] = []
        if self.target_score is not None:
            found.append(TargetScore(self.target_score))
        if self.patience is not None:
            found.append(NoImprovement(self.patience))
        if self.hours is not None:
            found.append(TimeLimit(self.hours * 3600))
        return found


class Later(BaseModel):
    """Another loss judges the training batches after the iteration `after`, counted from 0; in it, whatever is new."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(ge=0)
    loss: Choice


class RunConfig(BaseModel):
    """A launch, whole. `loss` judges the training batches, `judge` the held-out split; `budget` is in US dollars."""

    model_config = ConfigDict(extra="forbid")

    program: str
    dataset: str
    trainer: Choice = Choice(name="MinibatchAlgorithm", args={"batch_size": 8})
    optimizer: Choice = Choice(name="SFAOptimizer")
    loss: Choice
    judge: Choice | None = None
    people: People = People()
    iterations: int = Field(default=3, ge=1, le=10_000)
    stop: Stop = Stop()
    seed: int = 0
    budget: Decimal | None = Field(default=None, gt=0)
    later: Later | None = None
    on_error: Literal["continue", "stop"] = "continue"

    def loss_at(self, iteration: int, kind: str = "forward") -> Choice:
        """What judges the training batches in an iteration; its evaluations are of new outputs."""
        if self.later is None or iteration < self.later.after:
            return self.loss
        return self.loss if iteration == self.later.after and kind != "evaluate" else self.later.loss
