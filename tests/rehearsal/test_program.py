"""The shipped program, its losses and SFA against the rehearsal endpoint: what a run does, in one process."""

from __future__ import annotations

import asyncio
from statistics import fmean
from typing import Any

from optimization.core import TrainingStep, Value
from optimization.llm import EndpointConfig, ResourceConfig, ResourceManager
from optimization.losses import LLMRubricLoss
from optimization.optimizers import SFAOptimizer
from optimization.programs import get_program
from tests.rehearsal.conftest import TICKETS

RUBRIC = [
    {"score": 1, "label": "Unusable", "description": "It does not help the customer."},
    {"score": 2, "label": "Poor", "description": "Much is missing."},
    {"score": 3, "label": "Fair", "description": "It helps, with gaps."},
    {"score": 4, "label": "Good", "description": "Something small is missing."},
    {"score": 5, "label": "Ready", "description": "It can be sent as it stands."},
]


async def test_three_steps_of_sfa_raise_the_held_out_score_each_time(base_url) -> None:
    resources = ResourceManager(ResourceConfig(default=EndpointConfig("rehearsal", base_url)))
    program = get_program("support_reply").build()
    loss = LLMRubricLoss("Would you send this reply?", RUBRIC, alias="default")
    step = TrainingStep(program, loss).bind(resources)
    optimizer = SFAOptimizer(list(program.parameters())).bind(resources)
    train = [row for row in TICKETS if row["split"] == "train"]
    held_out = [row for row in TICKETS if row["split"] == "test"][:8]

    async def judged(rows: list[dict[str, Any]]) -> list[Value]:
        return await asyncio.gather(*(step(**row["inputs"], target=row["target"]) for row in rows))

    async def score() -> float:
        step.eval()
        return fmean(loss.score for loss in await judged(held_out))

    curve = [await score()]
    for iteration in range(3):
        step.train()
        optimizer.zero_feedback()
        batch = train[8 * iteration : 8 * iteration + 8]
        await Value.backward(await judged(batch))
        await optimizer.step()
        curve.append(await score())
    assert curve == sorted(set(curve)), curve
    assert curve[-1] - curve[0] > 0.4
