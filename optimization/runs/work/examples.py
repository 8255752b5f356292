"""Running one example of an effect: the program, its judge, and what is stored of both."""

from __future__ import annotations

from collections.abc import Sequence

from optimization.core import ForwardRecord, MemoryRegistry, TrainingStep, use_registry
from optimization.core.values import TAPE_IDS
from optimization.losses import LossModule
from optimization.models import Example, Tape
from optimization.runs.work.bench import Bench
from optimization.runs.work.settling import Finish
from optimization.runs.work.sheet import Sheet
from optimization.runs.work.writer import Operation
from optimization.trainers.effects import Outcome
from optimization.trainers.guide import outcome_of, run_samples


async def forward(sheet: Sheet, bench: Bench) -> Operation:
    """Run the example through program and judge, recording; the tapes are stored with the outcomes.

    Where the judge compares an example's samples, they are all this item's: run, then judged by each other.
    """
    payload, example = sheet.item.payload, _example(sheet)
    step = await bench.step(sheet.item)
    if "samples" in payload:
        outcomes, records = await _run_samples(step, example, payload["samples"])
        return Finish(sheet.item, [_stored(one) for one in outcomes], _tapes(sheet, bench, records))
    outcome, record = await _run_one(sheet, step, example)
    done = outcome.model_copy(update={"tape": record.id})
    return Finish(sheet.item, _stored(done), _tapes(sheet, bench, [record]))


async def evaluate(sheet: Sheet, bench: Bench) -> Operation:
    """Run the example through program and judge; nothing is kept but the outcome."""
    step = await bench.step(sheet.item)
    outcome, _ = await _run_one(sheet, step, _example(sheet))
    return Finish(sheet.item, _stored(outcome))


async def _run_one(sheet: Sheet, step: TrainingStep, example: Example) -> tuple[Outcome, ForwardRecord]:
    registry = MemoryRegistry()
    with use_registry(registry):
        loss = await step(target=example.target, **example.inputs)
    record = registry.load(loss.meta[TAPE_IDS][-1])
    outcome = Outcome(
        example=example.position,
        sample=sheet.item.payload["sample"],
        output=record.program_output,
        score=loss.score,
        feedback=loss.payload,
    )
    return outcome, record


async def _run_samples(
    step: TrainingStep, example: Example, samples: int
) -> tuple[list[Outcome], list[ForwardRecord]]:
    assert isinstance(step.loss, LossModule)
    registry = MemoryRegistry(capacity=samples)
    with use_registry(registry):
        outputs = await run_samples(step.module, example.inputs, samples)
        verdicts = await step.loss.together(outputs, example.target, context=example.inputs)
    outcomes = [
        outcome_of(output, said.score, said.payload, example=example.position, sample=sample)
        for sample, (output, said) in enumerate(zip(outputs, verdicts, strict=True))
    ]
    return outcomes, [registry.load(outcome.tape or "") for outcome in outcomes]


def _example(sheet: Sheet) -> Example:
    if sheet.example is None:
        payload = sheet.item.payload
        raise LookupError(
            f"Example {payload['example']} of the split {payload['split']} is not in the dataset."
        )
    return sheet.example


def _stored(outcome: Outcome) -> dict[str, object]:
    return outcome.model_dump(mode="json")


def _tapes(sheet: Sheet, bench: Bench, records: Sequence[ForwardRecord]) -> list[Tape]:
    payload = sheet.item.payload
    return [
        Tape(
            id=record.id,
            run=bench.run,
            iteration=sheet.item.effect.iteration,
            candidate=payload["candidate"],
            split=payload["split"],
            example=payload["example"],
            record=record.to_json(),
        )
        for record in records
    ]


def record_read(data: dict[str, object], step: TrainingStep) -> ForwardRecord:
    """A stored record again: of the training step, or of the program alone where its judge came afterwards."""
    root = step if data["root"] == type(step).__name__ else step.module
    return ForwardRecord.from_json(data, root)
