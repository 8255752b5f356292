"""dspy.Evaluate over a program of two predictors. It runs in a virtual environment that has dspy, with this folder's

parent on PYTHONPATH.
"""

from __future__ import annotations

from typing import Any

import dspy

from benchmarks.contenders.task import DRAFT, REFINE, Task


class Reply(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.draft = dspy.Predict(dspy.Signature("ticket -> reply", DRAFT))
        self.refine = dspy.Predict(dspy.Signature("draft -> reply", REFINE))

    def forward(self, ticket: str) -> Any:
        return self.refine(draft=self.draft(ticket=ticket).reply)


class AsWritten(dspy.Adapter):
    """The reply as it is: the endpoint keeps to no format."""

    def format(self, signature: Any, demos: Any, inputs: dict[str, Any]) -> list[dict[str, str]]:
        return [
            {"role": "system", "content": signature.instructions},
            {"role": "user", "content": str(next(iter(inputs.values())))},
        ]

    def parse(self, signature: Any, completion: str) -> dict[str, str]:
        return {"reply": completion}


def main() -> None:
    task = Task.from_arguments()
    model = dspy.LM("openai/benchmark", api_base=task.url, api_key="none-needed", cache=False)
    dspy.configure(lm=model, adapter=AsWritten())

    def work(tickets: list[str]) -> None:
        examples = [dspy.Example(ticket=ticket).with_inputs("ticket") for ticket in tickets]
        evaluate = dspy.Evaluate(
            devset=examples, metric=lambda *_: 1.0, num_threads=task.at_once, display_progress=False
        )
        evaluate(Reply())

    task.measure(work)


if __name__ == "__main__":
    main()
