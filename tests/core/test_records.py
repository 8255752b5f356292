from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.core import (
    ForwardRecord,
    Module,
    Parameter,
    TrainingStep,
    Value,
    collect_tape_ids,
    current_registry,
    propagate,
)
from optimization.core.encoding import Decoder, RemoteError, encode
from optimization.core.graph import Ref
from optimization.core.values import ValueKind
from tests.core.programs import Note, Remark, Reply
from tests.core.scripted import Model, echo

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
data = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.builds(lambda x: Value(ValueKind.OTHER, x, meta={"score": 0.5}), inner)
        | st.builds(lambda x: Ref("draft", (x,)), st.text() | st.integers())
    ),
    max_leaves=8,
)


def recorded(value: Any) -> ForwardRecord:
    return current_registry().load(collect_tape_ids(value)[0])


async def trained() -> ForwardRecord:
    step = TrainingStep(Reply().bind(Model(echo)), Remark()).train()
    return recorded(await step("My lamp", target="kind"))


@given(data)
def test_whatever_a_module_returns_survives_json(x: Any) -> None:
    assert Decoder({}).decode(json.loads(json.dumps(encode(x, {}, "it")))) == x


def test_infinities_and_exceptions_survive_json() -> None:
    assert Decoder({}).decode(json.loads(json.dumps(encode(float("-inf"), {}, "it")))) == float("-inf")
    error = Decoder({}).decode(encode(KeyError("lamp"), {}, "it"))
    assert isinstance(error, RemoteError)
    assert str(error) == "KeyError: 'lamp'"


async def test_a_record_is_rebuilt_from_json_against_a_module_built_alike() -> None:
    record = await trained()
    stored = json.loads(json.dumps(record.to_json()))
    step = TrainingStep(Reply(), Remark())
    rebuilt = ForwardRecord.from_json(stored, step)

    assert rebuilt.to_json() == record.to_json()
    assert rebuilt.graph.nodes["module.draft"].module is step.module.draft  # type: ignore[attr-defined]
    assert rebuilt.program_output == record.program_output
    assert rebuilt.usage == record.usage


async def test_json_whose_keys_a_database_has_reordered_is_read_the_same() -> None:
    record = await trained()
    stored = json.loads(json.dumps(record.to_json(), sort_keys=True))
    rebuilt = ForwardRecord.from_json(stored, TrainingStep(Reply(), Remark()))

    assert list(rebuilt.graph.nodes) == list(record.graph.nodes)
    assert rebuilt.program_output == record.program_output


async def test_backward_through_a_rebuilt_record_leaves_the_same_texts() -> None:
    record = await trained()
    step = TrainingStep(Reply(), Remark())
    rebuilt = ForwardRecord.from_json(json.loads(json.dumps(record.to_json())), step)

    here = await propagate(record, "Say more.")
    there = await propagate(rebuilt, "Say more.")

    assert [(item.parameter.name, item.text) for item in there] == [
        (item.parameter.name, item.text) for item in here
    ]
    assert [item.parameter for item in there] == list(reversed(step.parameters()))


def test_another_process_rebuilds_the_record_and_runs_backward() -> None:
    make = (
        "import asyncio, json\n"
        "from tests.core.test_records import trained\n"
        "print(json.dumps(asyncio.run(trained()).to_json()))"
    )
    use = (
        "import asyncio, json, sys\n"
        "from optimization.core import ForwardRecord, TrainingStep, propagate\n"
        "from tests.core.programs import Remark, Reply\n"
        "record = ForwardRecord.from_json(json.load(sys.stdin), TrainingStep(Reply(), Remark()))\n"
        "print([item.parameter.name for item in asyncio.run(propagate(record, 'x'))])"
    )
    stored = subprocess.run([sys.executable, "-c", make], capture_output=True, text=True, check=True).stdout
    said = subprocess.run(
        [sys.executable, "-c", use], input=stored, capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "['refine.system_prompt', 'draft.system_prompt']"


async def test_a_module_without_the_recorded_parts_is_refused_in_words() -> None:
    stored = (await trained()).to_json()

    with pytest.raises(
        ValueError, match=r"made by a TrainingStep whose node 'module.draft'.*Note given has none"
    ):
        ForwardRecord.from_json(stored, Note())


async def test_an_output_that_json_cannot_keep_is_an_error_that_names_its_node() -> None:
    class Odd(Module):
        def forward(self) -> object:
            return {"x": object()}

    record = recorded(await Odd().train()())

    with pytest.raises(
        TypeError, match=r"output of 'Odd' of record .* holds a object, which JSON cannot keep"
    ):
        record.to_json()


class Styled(Module):
    """A composite that hands its parameter to its leaf."""

    def __init__(self, style: Parameter) -> None:
        self.style = style
        self.note = Note()

    def forward(self, text: Any) -> Any:
        return self.note(self.style, text)


async def test_a_parameter_given_as_an_argument_is_rebuilt_by_name() -> None:
    record = recorded(await Styled(Parameter("brief", "the style")).train()("x"))
    module = Styled(Parameter("brief", "the style"))
    rebuilt = ForwardRecord.from_json(json.loads(json.dumps(record.to_json())), module)

    assert {item.parameter for item in await propagate(rebuilt, "x")} == {module.style, module.note.prompt}


async def test_a_module_made_on_the_fly_cannot_be_stored() -> None:
    class Passing(Module):
        def __init__(self) -> None:
            self.note = Note()

        def forward(self, text: Any) -> Any:
            return Note("z")(self.note(text))

    record = recorded(await Passing().train()("x"))

    with pytest.raises(TypeError, match="Node 'Note' of record .* ran a Note that belongs to no module"):
        record.to_json()


async def test_a_parameter_of_no_module_cannot_be_stored() -> None:
    style = Parameter("brief", "the style")

    class Loose(Styled):
        def forward(self, text: Any) -> Any:
            return self.note(style, text)

    record = recorded(await Loose(Parameter("other", "d")).train()("x"))

    with pytest.raises(TypeError, match="belongs to no module of the program"):
        record.to_json()
