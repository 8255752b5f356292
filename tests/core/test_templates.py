from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.core import Module, Parameter, Template, TrainingStep, Value, ValueKind, unwrap
from optimization.core.template import fill
from tests.core.programs import Note, Remark


async def test_a_template_fills_its_slots_by_name() -> None:
    value = await Template("Dear {name}, about {thing}.")(name="Ada", thing="your lamp")

    assert (value.kind, value.payload) == (ValueKind.TEXT, "Dear Ada, about your lamp.")


async def test_double_braces_and_json_stay() -> None:
    assert unwrap(await Template('{{x}} {"a": 1} {n}')(n=2)) == '{x} {"a": 1} 2'


async def test_a_missing_slot_is_named() -> None:
    with pytest.raises(ValueError, match="needs thing and was given name"):
        await Template("{name} {thing}")(name="Ada")


async def test_more_inputs_than_slots_are_no_harm() -> None:
    assert unwrap(await Template("{a}")(a=1, b=2)) == "1"


@given(st.text(), st.text())
def test_what_is_filled_in_is_never_read_as_a_template(a: str, b: str) -> None:
    assert fill("<{a}|{b}>", {"a": a, "b": b}) == f"<{a}|{b}>"


def test_attributes_of_inputs_cannot_be_reached() -> None:
    assert fill("{a.__class__} {a!r}", {"a": "x"}) == "{a.__class__} {a!r}"


def test_an_fstring_value_may_be_given() -> None:
    template = Template(Value(ValueKind.FSTRING, "Dear {name}"))

    assert template.fstring == Value(ValueKind.FSTRING, "Dear {name}")
    assert template.slots == ["name"]


async def test_backward_hands_the_feedback_to_every_input() -> None:
    class Two(Module):
        def __init__(self) -> None:
            self.a, self.b = Note("a"), Note("b")
            self.template = Template(Parameter("{x} {y}", "how both are put together"))

        def forward(self, text: Any) -> Any:
            return self.template(x=self.a(text), y=self.b(text))

    module = Two()
    loss = await TrainingStep(module, Remark()).train()("t")
    await loss.backward()

    assert [note.heard[0].payload for note in (module.a, module.b)] == [[["Too short"]], [["Too short"]]]
    assert [len(parameter.feedback) for parameter in module.parameters()] == [1, 1, 1]
