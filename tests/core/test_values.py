from __future__ import annotations

import pytest

from optimization.core import Parameter, Value, ValueKind, collect_tape_ids, unwrap, valueify
from optimization.core.values import as_text


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ("text", ValueKind.TEXT),
        (3, ValueKind.INT),
        (3.5, ValueKind.FLOAT),
        (b"bytes", ValueKind.BINARY),
        (True, ValueKind.OTHER),
        (ValueError("no"), ValueKind.ERROR),
        (None, ValueKind.OTHER),
        (object, ValueKind.OTHER),
    ],
)
def test_valueify_infers_the_kind(payload: object, kind: ValueKind) -> None:
    assert valueify(payload).kind is kind


def test_the_kinds_are_those_of_the_specification() -> None:
    names = "TEXT FSTRING RESPONSE STRUCTURED INT FLOAT ERROR TOOL_RESULT BINARY OTHER"
    assert [kind.name for kind in ValueKind] == names.split()


def test_a_bool_is_other_and_an_exception_is_error() -> None:
    assert valueify(False).kind is ValueKind.OTHER
    assert valueify(KeyError("x")).kind is ValueKind.ERROR


def test_valueify_recurses_into_containers() -> None:
    made = valueify({"a": ["x", (1, 2.0)]})

    assert made["a"][0] == Value(ValueKind.TEXT, "x")
    assert [value.kind for value in made["a"][1]] == [ValueKind.INT, ValueKind.FLOAT]
    assert unwrap(made) == {"a": ["x", (1, 2.0)]}


def test_valueify_keeps_a_value_and_overrides_its_kind_on_request() -> None:
    value = Value(ValueKind.TEXT, "{name}", ref="draft", meta={"a": 1})

    assert valueify(value) is value
    assert valueify(value, kind=ValueKind.FSTRING) == Value(ValueKind.FSTRING, "{name}", "draft", {"a": 1})
    assert valueify([1, 2], kind=ValueKind.STRUCTURED) == Value(ValueKind.STRUCTURED, [1, 2])


def test_valueify_lifts_a_parameter_with_its_name_and_version() -> None:
    value = valueify(Parameter("Be brief.", "how to answer", name="style"))

    assert (value.kind, value.payload, value.ref) == (ValueKind.TEXT, "Be brief.", "param:style")
    assert value.meta == {"parameter": "style", "version": 0, "requires_grad": True}


def test_a_structure_reads_as_json_and_one_whose_keys_json_has_not_as_python_shows_it() -> None:
    assert as_text({"é": [1, None]}) == '{\n  "é": [\n    1,\n    null\n  ]\n}'
    assert as_text({("a", 1): 2}) == "{('a', 1): 2}"
    assert as_text(None) == ""


def test_unwrap_gives_raw_payloads_at_every_depth() -> None:
    nested = Value(ValueKind.STRUCTURED, {"a": Value(ValueKind.TEXT, "x"), "b": [Value(ValueKind.INT, 1)]})

    assert unwrap(nested) == {"a": "x", "b": [1]}
    assert unwrap("raw") == "raw"


def test_a_value_reads_like_its_payload() -> None:
    ticket = Value(ValueKind.TEXT, "My lamp is broken")

    assert f"Ticket: {ticket}" == "Ticket: My lamp is broken"
    assert "lamp" in ticket
    assert ticket == "My lamp is broken"
    assert not Value(ValueKind.TEXT, "")
    assert [str(item) for item in Value(ValueKind.STRUCTURED, ["a", "b"])] == ["a", "b"]
    assert Value(ValueKind.STRUCTURED, {"name": "Ada"})["name"] == Value(ValueKind.TEXT, "Ada")


def test_collect_tape_ids_finds_each_id_once_in_nested_structures() -> None:
    a = Value(ValueKind.TEXT, "a", meta={"_tape_ids": ["t1", "t2"]})
    b = Value(ValueKind.STRUCTURED, {"in": Value(ValueKind.TEXT, "b", meta={"_tape_ids": ["t3"]})})

    assert collect_tape_ids([a, {"x": (b, a)}]) == ["t1", "t2", "t3"]
    assert collect_tape_ids("nothing") == []
