from __future__ import annotations

from typing import Any

import pytest

from optimization.core import (
    ForwardRecord,
    MemoryRegistry,
    Module,
    ReleasedTapeError,
    TrainingStep,
    Value,
    collect_tape_ids,
    current_registry,
    no_grad,
    run,
    use_registry,
)
from tests.core.programs import Note, Remark, Reply
from tests.core.scripted import Model, echo


class Two(Module):
    def __init__(self) -> None:
        self.a, self.b = Note("a"), Note("b")

    def forward(self, text: Any) -> Any:
        return {"a": self.a(text), "rest": [self.b(text)]}


async def test_eval_mode_records_nothing() -> None:
    assert collect_tape_ids(await Two()("x")) == []


async def test_in_training_mode_one_tape_id_is_on_every_nested_value_of_the_output() -> None:
    output = await Two().train()("x")
    ids = output["a"].meta["_tape_ids"]

    assert len(ids) == 1
    assert output["rest"][0].meta["_tape_ids"] == ids


async def test_run_with_record_attaches_a_tape_in_eval_mode_too() -> None:
    assert len(collect_tape_ids(await run(Two(), "x", record=True))) == 1


async def test_each_run_has_a_tape_of_its_own() -> None:
    module = Note().train()

    assert len({*collect_tape_ids([await module("x"), await module("x")])}) == 2


async def test_under_no_grad_nothing_is_recorded() -> None:
    with no_grad():
        assert collect_tape_ids([await Two().train()("x"), await run(Two(), "x", record=True)]) == []
    assert collect_tape_ids(await Two().train()("x")) != []


async def test_values_nested_in_a_payload_carry_the_tape_too() -> None:
    class Nested(Module):
        def forward(self) -> Value:
            return Value("structured", {"in": Value("text", "x")})  # type: ignore[arg-type]

    output = await Nested().train()()

    assert output.payload["in"].meta["_tape_ids"] == output.meta["_tape_ids"]


async def test_a_value_that_a_module_returns_twice_is_not_marked_itself() -> None:
    class Constant(Module):
        value = Value("text", "same")  # type: ignore[arg-type]

        def forward(self) -> Value:
            return self.value

    module = Constant().train()
    first, second = await module(), await module()

    assert Constant.value.meta == {}
    assert first.meta["_tape_ids"] != second.meta["_tape_ids"]


async def test_what_a_leaf_runs_inside_is_not_recorded_by_itself() -> None:
    class Around(Module):
        leaf = True

        def __init__(self) -> None:
            self.inner = Note()

        async def forward(self, text: str) -> Any:
            return await self.inner(text)

    registry = MemoryRegistry()
    with use_registry(registry):
        await Around().train()("x")

    assert len(registry) == 1


async def test_a_record_holds_graph_outputs_versions_timings_tokens_and_price() -> None:
    module = Reply().bind(Model(echo)).train()
    module.draft.system_prompt.value = "Draft well."  # type: ignore[union-attr]
    tape_id = collect_tape_ids(await module("lamp"))[0]
    record = current_registry().load(tape_id)

    assert (record.id, list(record.graph.nodes)) == (tape_id, ["draft", "both", "refine"])
    assert record.inputs_of("both") == {"ticket": "lamp", "draft": "Draft well. lamp"}
    assert record.output_of("refine") == "Refine. lamp / Draft well. lamp"
    assert record.parameter_versions == {"draft.system_prompt": 1, "refine.system_prompt": 0}
    assert set(record.timing) == {"draft", "both", "refine"}
    assert all(seconds >= 0 for seconds in record.timing.values())
    assert set(record.usage) == {"draft", "refine"}
    assert (record.total_usage().calls, record.total_usage().tokens) == (2, 28)
    assert record.total_usage().cost == pytest.approx(0.002)


async def test_an_unknown_node_of_a_record_is_a_key_error_that_names_those_there_are() -> None:
    tape_id = collect_tape_ids(await Note().train()("x"))[0]

    record = current_registry().load(tape_id)
    for ask in (record.output_of, record.inputs_of):
        with pytest.raises(KeyError, match=r"No node 'draft'.*Note"):
            ask("draft")


async def test_the_output_of_the_program_is_kept_beside_that_of_the_loss() -> None:
    step = TrainingStep(Reply().bind(Model(echo)), Remark()).train()
    loss = await step("lamp", target="t")
    record = current_registry().load(loss.meta["_tape_ids"][0])

    assert record.program_output == "Refine. lamp / Draft. lamp"
    assert record.output == [["Too short"]]
    assert record.program_inputs == {"ticket": "lamp", "target": "t"}


def record_of(name: str) -> ForwardRecord:
    from optimization.core.graph import Graph

    return ForwardRecord(Graph(Note()), {}, id=name)


def test_the_registry_in_memory_is_bounded_and_drops_the_oldest() -> None:
    registry = MemoryRegistry(capacity=2)
    for name in "abc":
        registry.save(record_of(name))

    assert len(registry) == 2
    assert registry.load("c").id == "c"
    with pytest.raises(KeyError, match=r"Unknown tape a.*more than 2 records"):
        registry.load("a")


def test_a_registry_keeps_one_record_or_more() -> None:
    with pytest.raises(ValueError, match="1 record or more, not 0"):
        MemoryRegistry(capacity=0)


def test_a_released_tape_is_told_apart_from_an_unknown_one() -> None:
    registry = MemoryRegistry()
    registry.save(record_of("a"))
    registry.release("a")
    registry.release("never seen")

    with pytest.raises(ReleasedTapeError, match="released by an earlier backward"):
        registry.load("a")
    with pytest.raises(KeyError, match="Unknown tape"):
        registry.load("never seen")


async def test_a_registry_of_ones_own_keeps_the_records_of_the_code_inside() -> None:
    registry = MemoryRegistry()
    with use_registry(registry):
        value = await Note().train()("x")

    assert registry.load(value.meta["_tape_ids"][0]).output == "n(x)"
    with pytest.raises(KeyError):
        current_registry().load(value.meta["_tape_ids"][0])
