"""PPO and GRPO as algorithms that any driver can carry out: an iteration rolls out, has the rollouts scored, and takes a
step on them.

With `max_staleness` s above 0, s batches are rolled out ahead, while others are scored: no rollout is trained on more
than s steps after the weights that sampled it, and one that would be is left out.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from optimization.policy.config import GRPOConfig, PPOConfig
from optimization.trainers.effects import Split, TrainerState
from optimization.trainers.plan import PlanError
from optimization.trainers.policy_effects import EvaluatePolicy, Reward, RolledOut, Rollout, Train
from optimization.trainers.trainer import Steps


class _OfARun(BaseModel):
    """What a run adds to a trainer's configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    eval_frequency: int = Field(1, ge=0, description="Steps from one test to the next; 0 for no tests.")
    eval_temperature: float = Field(0.0, ge=0, description="0 takes the likeliest token.")
    num_eval_samples: int = Field(1, ge=1, description="Completions of each test prompt.")
    max_staleness: int = Field(
        0, ge=0, le=8, description="Batches sampled ahead; no rollout is older than so many steps."
    )

    @classmethod
    def read(cls, trainer: str, arguments: Mapping[str, Any]) -> Self:
        """The plan of these arguments. Raises PlanError, which names each argument that does not fit."""
        try:
            return cls.model_validate(dict(arguments))
        except ValidationError as error:
            raise PlanError(
                trainer,
                [
                    (
                        "/" + "/".join(str(part) for part in found["loc"]),
                        f"no such argument; it takes {', '.join(cls.model_fields)}"
                        if found["type"] == "extra_forbidden"
                        else f"{found['msg']}, not {found['input']!r}",
                    )
                    for found in error.errors()
                ],
            ) from None


class PPOPlan(PPOConfig, _OfARun):
    """What PPOTrainer takes in a run."""


class GRPOPlan(GRPOConfig, _OfARun):
    """What GRPOTrainer takes in a run."""


class PPOAlgorithm:
    """PPO: advantages are the rewards to go."""

    Plan: ClassVar[type[PPOPlan | GRPOPlan]] = PPOPlan
    Config: ClassVar[type[PPOConfig]] = PPOConfig
    name: ClassVar[str] = "PPOTrainer"

    def __init__(self) -> None:
        self.plan: PPOPlan | GRPOPlan = self.Plan()
        self.sizes: list[Mapping[Split, int]] = []

    def prepare(self, sizes: Sequence[Mapping[Split, int]], seed: int = 0, **arguments: Any) -> TrainerState:
        """Take over the sizes of the splits, a component each, and the arguments; the state to begin with.

        Raises PlanError for an argument that does not fit, ValueError if there is nothing to train on.
        """
        self.plan = self.Plan.read(self.name, {"seed": seed, **arguments})
        self.sizes = list(sizes)
        if not any(size.get("train") for size in self.sizes):
            raise ValueError("There is nothing to train on: no component has an example in the split train.")
        return TrainerState(seed=seed)

    @property
    def config(self) -> dict[str, Any]:
        """The part of the plan that the training job takes."""
        return self.plan.model_dump(mode="json", include=set(self.Config.model_fields))

    def iteration(self, state: TrainerState) -> Steps[TrainerState]:
        if state.iteration == 0 and "steps" not in state.memory:
            state = yield from self.tested(state, 0)
        steps = int(state.memory.get("steps", 0))
        stock = [RolledOut.model_validate(batch) for batch in state.memory.get("ahead", ())]
        stock = [batch for batch in stock if steps - batch.step <= self.plan.max_staleness]
        cursor = state.cursor
        if not stock:
            batch = yield self.rolling(state, cursor, steps)
            stock, cursor = [batch], cursor + self.plan.prompts_per_step
        batch, *stock = stock
        ahead = [
            self.rolling(state, cursor + place * self.plan.prompts_per_step, steps)
            for place in range(self.plan.max_staleness - len(stock))
        ]
        _, *more = yield [Reward(batch=batch.batch), *ahead]
        trained = yield Train(
            checkpoint=state.candidate, batch=batch.batch, step=steps, staleness=steps - batch.step
        )
        stock = [one.model_dump() for one in (*stock, *more)]
        state = state.model_copy(
            update={
                "iteration": state.iteration + 1,
                "candidate": trained.checkpoint,
                "cursor": cursor + len(ahead) * self.plan.prompts_per_step,
                "memory": {"steps": steps + 1, "ahead": stock},
            }
        )
        return (yield from self.tested(state, state.iteration))

    def forked(self, state: TrainerState) -> TrainerState:
        """The state as a fork begins with it: what was sampled ahead is its parent's, so those prompts come again."""
        ahead = len(state.memory.get("ahead", ()))
        if not ahead:
            return state
        return state.model_copy(
            update={
                "cursor": state.cursor - ahead * self.plan.prompts_per_step,
                "memory": state.memory | {"ahead": []},
            }
        )

    def finished(self, state: TrainerState) -> str | None:
        """Its iterations alone end a run."""
        return None

    def tested(self, state: TrainerState, done: int) -> Steps[TrainerState]:
        """The state with the checkpoint's reward on the test prompts, if after `done` steps a test is due."""
        frequency, prompts = self.plan.eval_frequency, self._prompts("test")
        if not frequency or done % frequency or not prompts:
            return state
        rolled = yield Rollout(
            checkpoint=state.candidate,
            step=done,
            prompts=tuple(prompts),
            split="test",
            copies=self.plan.num_eval_samples,
            temperature=self.plan.eval_temperature,
            seed=self._seed("test"),
        )
        yield Reward(batch=rolled.batch)
        measured = yield EvaluatePolicy(checkpoint=state.candidate, batch=rolled.batch)
        return state.model_copy(update={"test_score": measured.mean})

    def rolling(self, state: TrainerState, cursor: int, step: int) -> Rollout:
        """The rollouts of the next prompts, from the `cursor`-th on, by the weights as they are."""
        return Rollout(
            checkpoint=state.candidate,
            step=step,
            prompts=self.taken(cursor, self.plan.prompts_per_step),
            copies=self.plan.group_size,
            seed=self._seed(f"train/{cursor}"),
        )

    def taken(self, first: int, count: int) -> tuple[tuple[int, int], ...]:
        """`count` prompts from the `first`-th on: all components' in an order of its own each pass, and again."""
        everything = self._prompts("train")
        chosen: list[tuple[int, int]] = []
        while len(chosen) < count:
            turn, offset = divmod(first + len(chosen), len(everything))
            order = everything.copy()
            random.Random(f"{self.plan.seed}/{turn}").shuffle(order)
            chosen += order[offset : offset + count - len(chosen)]
        return tuple(chosen)

    def _prompts(self, split: Split) -> list[tuple[int, int]]:
        return [
            (component, example)
            for component, sizes in enumerate(self.sizes)
            for example in range(sizes.get(split, 0))
        ]

    def _seed(self, purpose: str) -> int:
        """Every draw has a seed of its own: nothing to be carried along."""
        return int.from_bytes(hashlib.sha256(f"{self.plan.seed}/{purpose}".encode()).digest()[:6])


class GRPOAlgorithm(PPOAlgorithm):
    """GRPO: several completions of a prompt, each judged against the others of its group."""

    Plan: ClassVar[type[PPOPlan | GRPOPlan]] = GRPOPlan
    Config: ClassVar[type[PPOConfig]] = GRPOConfig
    name: ClassVar[str] = "GRPOTrainer"


POLICY_TRAINERS: dict[str, type[PPOAlgorithm]] = {kind.name: kind for kind in (GRPOAlgorithm, PPOAlgorithm)}
