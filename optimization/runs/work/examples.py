"""Running one example of an effect: the program, its judge, and what is stored of both."""

from __future__ import annotations

from typing import Any

from optimization.core import use_registry
from optimization.core.values import TAPE_IDS
from optimization.losses import LossModule
from optimization.models import Example
from optimization.runs.work.bench import Bench
from optimization.runs.work.settling import Finish
from optimization.runs.work.sheet import Sheet
from optimization.runs.work.tapes import DatabaseRegistry, rows_of
from optimization.runs.work.writer import Operation
from optimization.trainers.effects import Outcome
from optimization.trainers.guide import outcome_of, run_samples


async def forward(sheet: Sheet, bench: Bench) -> Operation:
    """Run the example through program and judge, recording; the tapes are stored with the outcomes.

    Where the judge compares an example's samples, they are all this item's: run, then judged by each other.
    """
    payload, example = sheet.item.payload, _example(sheet)
    registry = DatabaseRegistry(await bench.step(sheet.item))
    result: Any
    if "samples" in payload:
        result = [_stored(one) for one in await _run_samples(registry, example, payload["samples"])]
    else:
        result = _stored(await _run_one(registry, sheet, example))
    return Finish(sheet.item, result, rows_of(registry, sheet, bench))


async def evaluate(sheet: Sheet, bench: Bench) -> Operation:
    """Run the example through program and judge; nothing is kept but the outcome."""
    registry = DatabaseRegistry(await bench.step(sheet.item))
    outcome = await _run_one(registry, sheet, _example(sheet))
    return Finish(sheet.item, _stored(outcome.model_copy(update={"tape": None})))


async def _run_one(registry: DatabaseRegistry, sheet: Sheet, example: Example) -> Outcome:
    with use_registry(registry):
        loss = await registry.step(target=example.target, **example.inputs)
    record = registry.load(loss.meta[TAPE_IDS][-1])
    return Outcome(
        example=example.position,
        sample=sheet.item.payload["sample"],
        output=record.program_output,
        score=loss.score,
        feedback=loss.payload,
        tape=record.id,
    )


async def _run_samples(registry: DatabaseRegistry, example: Example, samples: int) -> list[Outcome]:
    step = registry.step
    assert isinstance(step.loss, LossModule)
    with use_registry(registry):
        outputs = await run_samples(step.module, example.inputs, samples)
        verdicts = await step.loss.together(outputs, example.target, context=example.inputs)
    return [
        outcome_of(output, said.score, said.payload, example=example.position, sample=sample)
        for sample, (output, said) in enumerate(zip(outputs, verdicts, strict=True))
    ]


def _example(sheet: Sheet) -> Example:
    if sheet.example is None:
        payload = sheet.item.payload
        raise LookupError(
            f"Example {payload['example']} of the split {payload['split']} is not in the dataset."
        )
    return sheet.example


def _stored(outcome: Outcome) -> dict[str, object]:
    return outcome.model_dump(mode="json")
