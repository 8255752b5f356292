"""Tapes in memory and tapes in the database stand behind one protocol: what holds of one holds of the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from optimization.core import (
    ForwardRecord,
    MemoryRegistry,
    Module,
    ReleasedTapeError,
    TapeRegistry,
    TrainingStep,
    collect_tape_ids,
    use_registry,
)
from optimization.losses import VerifierLoss
from optimization.models import Tape, WorkItem
from optimization.runs.work.tapes import DatabaseRegistry
from tests.engine.conftest import RUBRIC
from tests.engine.test_endpoint_faults import work_through
from tests.losses.rubrics import Writer
from workers.process import Process

Stored = Callable[[ForwardRecord], tuple[TapeRegistry, Module]]


def step() -> TrainingStep:
    return TrainingStep(Writer(), VerifierLoss("exact")).train()


def in_memory(record: ForwardRecord) -> tuple[TapeRegistry, Module]:
    registry = MemoryRegistry()
    registry.save(record)
    return registry, record.graph.root


def in_the_database(record: ForwardRecord) -> tuple[TapeRegistry, Module]:
    """The record as another process finds it: on modules of its own."""
    elsewhere = step()
    return DatabaseRegistry(elsewhere, {record.id: Tape(id=record.id, record=record.to_json())}), elsewhere


registries = pytest.mark.parametrize("stored", [in_memory, in_the_database])


async def recorded() -> tuple[Any, ForwardRecord]:
    with use_registry(MemoryRegistry()) as registry:
        loss = await step()("Ada", target="Hello Ada")
        return loss, registry.load(collect_tape_ids(loss)[0])


@registries
async def test_backward_goes_through_what_was_recorded_elsewhere_and_consumes_it(stored: Stored) -> None:
    loss, record = await recorded()
    registry, root = stored(record)
    with use_registry(registry):
        await loss.backward(retain_graph=True)
        await loss.backward()
        assert (
            dict(root.named_parameters())["module.prompt"].feedback
            == ["- The output must be exactly 'Hello Ada'.\nScore: 0.00\nInput: Ada\nOutput: Dear Ada"] * 2
        )
        with pytest.raises(RuntimeError, match="no tape is attached"):
            await loss.backward()
        with pytest.raises(ReleasedTapeError, match=record.id):
            registry.load(record.id)


@registries
async def test_an_unknown_tape_is_a_key_error_that_names_it(stored: Stored) -> None:
    registry, _ = stored((await recorded())[1])
    with pytest.raises(KeyError, match="Unknown tape nowhere"):
        registry.load("nowhere")
    registry.release("nowhere")


async def test_what_was_saved_is_found_before_it_is_written_and_what_another_item_consumed_is_not() -> None:
    _, record = await recorded()
    registry = DatabaseRegistry(step())
    registry.save(record)
    assert registry.load(record.id) is record
    stored = {record.id: Tape(id=record.id, record=record.to_json(), released_by_id=7)}
    with pytest.raises(ReleasedTapeError, match=record.id):
        DatabaseRegistry(step(), stored, item=8).load(record.id)
    assert DatabaseRegistry(step(), stored, item=7).load(record.id).id == record.id


@pytest.mark.django_db(transaction=True)
def test_a_run_consumes_its_tapes_with_the_backward_that_read_them(
    launch: Callable[..., Any], small_dataset: str, process: Process
) -> None:
    run = launch(dataset=small_dataset, loss={"name": "LLMRubricLoss", "args": RUBRIC}, iterations=1)
    work_through(run, process)
    done = WorkItem.objects.get(run=run, kind="backward")
    read = {outcome["tape"] for outcome in done.payload["outcomes"]}
    assert read == set(done.consumed_tapes.values_list("pk", flat=True))
    assert read
