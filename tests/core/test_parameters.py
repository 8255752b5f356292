from __future__ import annotations

import copy

import pytest

from optimization.core import KeepPlaceholders, MaxLength, MustContain, Parameter
from optimization.core.constraints import as_constraint, constraint_to_json, placeholders
from tests.core.programs import Note


def test_a_description_is_required_when_it_learns() -> None:
    with pytest.raises(ValueError, match="needs a description"):
        Parameter("Be brief.")
    with pytest.raises(ValueError, match="needs a description"):
        Parameter("Be brief.", "  ")


def test_a_constant_needs_no_description() -> None:
    assert Parameter("Be brief.", requires_grad=False).description is None


def test_a_value_is_text() -> None:
    with pytest.raises(TypeError, match="is text, not int"):
        Parameter(3, "a number")  # type: ignore[arg-type]
    parameter = Parameter("a", "d")
    parameter.attach(Note(), "prompt")
    with pytest.raises(TypeError, match="value of parameter 'prompt' is text, not NoneType"):
        parameter.value = None  # type: ignore[assignment]


def test_feedback_is_the_list_of_texts_that_backward_left() -> None:
    parameter = Parameter("a", "d")
    parameter.accumulate("Shorter.")
    parameter.accumulate("Friendlier.")

    assert parameter.feedback == ["Shorter.", "Friendlier."]


def test_blank_feedback_is_dropped_and_a_constant_keeps_none() -> None:
    learns, constant = Parameter("a", "d"), Parameter("a", requires_grad=False)
    learns.accumulate("  \n")
    constant.accumulate("Shorter.")

    assert learns.feedback == constant.feedback == []


def test_zero_feedback_empties_the_list_in_place() -> None:
    parameter = Parameter("a", "d")
    feedback = parameter.feedback
    parameter.accumulate("Shorter.")
    parameter.zero_feedback()

    assert feedback == []
    assert parameter.feedback is feedback


def test_each_new_value_is_a_new_version() -> None:
    parameter = Parameter("a", "d")
    parameter.value = "b"
    parameter.value = "c"

    assert (parameter.version, str(parameter)) == (2, "c")


def test_a_copy_shares_nothing_with_its_original() -> None:
    parameter = Parameter("a", "d", constraints=["Keep it polite."])
    parameter.accumulate("Shorter.")
    copied = copy.deepcopy(parameter)
    copied.value = "b"
    copied.zero_feedback()

    assert (parameter.value, parameter.feedback) == ("a", ["Shorter."])
    assert copied.constraints == ("Keep it polite.",)


def test_constraints_may_be_texts_checks_or_their_json() -> None:
    parameter = Parameter(
        "a", "d", constraints=["Stay polite.", MaxLength(5), {"kind": "must_contain", "text": "x"}]
    )

    assert parameter.constraints == ("Stay polite.", MaxLength(5), MustContain("x"))


def test_built_in_constraints_say_what_is_wrong() -> None:
    assert MaxLength(3).problem("abc", "") is None
    assert MaxLength(3).problem("abcd", "") == "it has 4 characters, at most 3 are allowed"
    assert MustContain("JSON").problem("Answer in JSON.", "") is None
    assert MustContain("JSON").problem("Answer.", "") == "it must contain 'JSON'"


def test_keep_placeholders_compares_with_the_previous_value() -> None:
    check = KeepPlaceholders()

    assert check.problem("{name}: {ticket}", "{ticket} of {name}") is None
    assert check.problem("{other}", "{ticket}") == "it lost {ticket} and it has the unknown {other}"
    assert check.problem("{{ticket}}", "{ticket}") == "it lost {ticket}"


def test_placeholders_are_names_in_single_braces() -> None:
    assert placeholders('{a} {{b}} {"c": 1} {d.e} {a} {f_1}') == ["a", "f_1"]


@pytest.mark.parametrize("constraint", ["Stay polite.", MaxLength(5), MustContain("x"), KeepPlaceholders()])
def test_constraints_survive_json(constraint: object) -> None:
    assert as_constraint(constraint_to_json(constraint)) == constraint  # type: ignore[arg-type]


def test_constraints_are_a_list_of_constraints() -> None:
    with pytest.raises(
        ValueError, match=r"Constraints are a list, also where there is one: write \['Stay polite.'\]"
    ):
        Parameter("a", "d", constraints="Stay polite.")
    with pytest.raises(ValueError, match="not 5"):
        Parameter("a", "d", constraints=[5])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "spec",
    [
        "  ",
        {"kind": "unheard of"},
        {"kind": "max_length", "length": 3},
        {"kind": "max_length", "characters": "many"},
        {"kind": "max_length", "characters": 0},
        {"kind": "must_contain", "text": 5},
        {},
    ],
)
def test_a_constraint_that_makes_no_sense_is_refused(spec: object) -> None:
    with pytest.raises(ValueError, match="onstraint"):
        as_constraint(spec)  # type: ignore[arg-type]
