"""The algorithm that docs/algorithms.md shows: 15 lines, and it trains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from optimization.trainers import Trainer, effects
from optimization.trainers.batches import next_batch
from tests.optimizers.models import Asked
from tests.trainers.agents import agent_and_optimizer, dataset, marks

PAGE = Path(__file__).parents[2] / "docs" / "algorithms.md"


async def test_the_algorithm_in_the_documentation_trains_in_fifteen_lines() -> None:
    source = next(
        code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S) if "class" in code
    )
    assert len(source.splitlines()) <= 15
    names: dict[str, Any] = {"Trainer": Trainer, "next_batch": next_batch, **vars(effects)}
    exec(source, names)

    def answer(asked: Asked) -> Any:
        return {"value": asked.block("current_value") + "!" * asked.scope.sample, "reason": ""}

    agent, optimizer, _ = agent_and_optimizer(answer)
    assert await names["TwoTries"](agent, optimizer).train(marks, dataset("a", "b"), num_epochs=2) == (
        [0.0, 0.25, 0.5, 0.75],
        None,
    )
    assert agent.prompt.value == "p!!!!"
