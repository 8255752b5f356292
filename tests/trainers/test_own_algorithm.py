"""The algorithm that docs/algorithms.md shows: 15 lines, and it trains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.optimizers.models import Asked
from tests.trainers.agents import agent_and_optimizer, dataset, marks

PAGE = Path(__file__).parents[2] / "docs" / "algorithms.md"


def code_with(beginning: str) -> str:
    """The example of the page that has a line that begins so."""
    return next(
        code
        for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
        if re.search(f"^{beginning}", code, re.M)
    )


async def test_the_algorithm_in_the_documentation_trains_in_fifteen_lines() -> None:
    source = code_with("class ")
    assert len(source.splitlines()) <= 15
    names: dict[str, Any] = {}
    exec(code_with("from optimization.trainers.batches import") + source, names)

    def answer(asked: Asked) -> Any:
        return {"value": asked.block("current_value") + "!" * asked.scope.sample, "reason": ""}

    agent, optimizer, _ = agent_and_optimizer(answer)
    assert await names["TwoTries"](agent, optimizer).train(marks, dataset("a", "b"), num_epochs=2) == (
        [0.0, 0.25, 0.5, 0.75],
        None,
    )
    assert agent.prompt.value == "p!!!!"
