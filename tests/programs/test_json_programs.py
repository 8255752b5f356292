from __future__ import annotations

import copy
from typing import Any

import pytest

from optimization.core import (
    LLMInference,
    Parameter,
    TrainingStep,
    collect_tape_ids,
    current_registry,
    unwrap,
)
from optimization.losses import VerifierLoss
from optimization.programs import ProgramError, build_program, check_program
from tests.core.scripted import Model, echo

SPEC: dict[str, Any] = {
    "inputs": ["ticket", "customer"],
    "nodes": [
        {
            "id": "refine",
            "alias": "strong",
            "prompt": "{customer}: {draft}",
            "parameter": {
                "value": "Refine.",
                "description": "how to refine",
                "constraints": ["Stay polite.", {"kind": "max_length", "characters": 400}],
            },
            "temperature": 0.5,
            "max_tokens": 50,
        },
        {
            "id": "draft",
            "prompt": "Ticket: {ticket} {{x}}",
            "parameter": {"value": "Draft.", "description": "how to draft"},
        },
        {"id": "unused", "prompt": "{ticket}", "system_prompt": "Fixed."},
    ],
    "output": "refine",
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The spec with one place changed; ... takes it away."""
    spec = copy.deepcopy(SPEC)
    *way, last = [int(part) if part.isdecimal() else part for part in path.strip("/").split("/")]
    place: Any = spec
    for part in way:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return spec


async def test_nodes_run_in_the_order_in_which_they_use_each_other() -> None:
    model = Model(echo)
    output = await build_program(SPEC).bind(model)(ticket="broken", customer="Ada")

    assert unwrap(output) == "Refine. Ada: Draft. Ticket: broken {x}"
    assert {alias for alias, _, _ in model.calls} == {"strong", "default"}


async def test_inputs_may_be_given_in_order() -> None:
    assert unwrap(await build_program(SPEC).bind(Model(echo))("broken", "Ada")).startswith("Refine. Ada")


def test_parameters_are_named_by_node_with_description_and_constraints() -> None:
    program = build_program(SPEC)
    parameters = dict(program.named_parameters())
    learned = parameters["refine.system_prompt"]

    assert list(parameters) == ["refine.system_prompt", "draft.system_prompt", "unused.system_prompt"]
    assert [parameter.requires_grad for parameter in parameters.values()] == [True, True, False]
    assert (learned.value, learned.description, len(learned.constraints)) == ("Refine.", "how to refine", 2)
    assert learned.name == "refine.system_prompt"


def test_settings_of_a_node_reach_its_model_call() -> None:
    refine = build_program(SPEC).named_children()["refine"]

    assert isinstance(refine, LLMInference)
    assert (refine.alias, refine.temperature, refine.max_tokens) == ("strong", 0.5, 50)


async def test_feedback_reaches_the_parameters_of_the_nodes_that_were_used() -> None:
    program = build_program(SPEC)
    step = TrainingStep(program, VerifierLoss(lambda output: (False, "Greet."))).bind(Model(echo)).train()
    loss = await step(ticket="broken", customer="Ada")
    record = current_registry().load(collect_tape_ids(loss)[0])
    await loss.backward()

    assert record.program_output == "Refine. Ada: Draft. Ticket: broken {x}"
    assert [bool(parameter.feedback) for parameter in program.parameters()] == [True, True, False]


async def test_a_missing_input_is_named() -> None:
    with pytest.raises(ValueError, match="needs the input customer; it was given ticket"):
        await build_program(SPEC).bind(Model(echo))(ticket="broken")


async def test_more_inputs_than_the_prompts_use_are_no_harm() -> None:
    program = build_program(SPEC).bind(Model(echo))

    assert unwrap(await program(ticket="a", customer="b", order="c")) == "Refine. b: Draft. Ticket: a {x}"
    assert program.required_inputs() == ["ticket", "customer"]


def test_a_good_program_has_no_problems() -> None:
    assert check_program(SPEC) == []


@pytest.mark.parametrize(
    ("path", "value", "pointer", "message"),
    [
        ("/inputs", ..., "/inputs", "This is missing."),
        ("/inputs", [], "/inputs", "Tuple should have at least 1 item"),
        ("/inputs/0", "a b", "/inputs/0", "A name has letters, digits and underscores"),
        ("/inputs/1", "ticket", "/inputs/1", "The name 'ticket' is taken already, at /inputs/0."),
        ("/inputs/1", "target", "/inputs/1", "The name 'target' is kept for what an example is judged by."),
        ("/nodes/1/id", "customer", "/nodes/1/id", "The name 'customer' is taken already, at /inputs/1."),
        ("/nodes/2/id", "draft", "/nodes/2/id", "The name 'draft' is taken already, at /nodes/1/id."),
        (
            "/nodes/1/prompt",
            "{tickt}",
            "/nodes/1/prompt",
            "The prompt uses {tickt}, which is no input and no node.",
        ),
        ("/nodes/1/prompt", " ", "/nodes/1/prompt", "This must not be blank."),
        (
            "/nodes/1/prompt",
            "{refine}",
            "/nodes/0/prompt",
            "in a circle, or for one that does: refine, draft.",
        ),
        (
            "/nodes/1/prompt",
            "{draft}",
            "/nodes/0/prompt",
            "in a circle, or for one that does: refine, draft.",
        ),
        (
            "/nodes/0/system_prompt",
            "x",
            "/nodes/0/system_prompt",
            "Give a parameter or a system_prompt, not both.",
        ),
        (
            "/nodes/0/parameter/description",
            "",
            "/nodes/0/parameter/description",
            "String should have at least 1",
        ),
        (
            "/nodes/0/parameter/constraints/1/kind",
            "odd",
            "/nodes/0/parameter/constraints",
            "Unknown constraint kind 'odd'",
        ),
        ("/nodes/0/temperature", 3, "/nodes/0/temperature", "Input should be less than or equal to 2."),
        ("/nodes/0/colour", "red", "/nodes/0/colour", "Nothing of this name belongs here."),
        ("/output", ..., "/output", "This is missing."),
        ("/output", "ticket", "/output", "No node has the id 'ticket': the output is the id of a node."),
    ],
)
def test_each_problem_is_told_with_the_pointer_of_its_place(
    path: str, value: Any, pointer: str, message: str
) -> None:
    problems = check_program(changed(path, value))

    assert (pointer, True) in [(found, message in said) for found, said in problems]
    with pytest.raises(ProgramError) as caught:
        build_program(changed(path, value))
    assert (caught.value.pointer, caught.value.problems) == (problems[0][0], problems)


def test_a_program_without_a_learnable_parameter_is_refused() -> None:
    spec = {"inputs": ["a"], "nodes": [{"id": "b", "prompt": "{a}", "system_prompt": "x"}], "output": "b"}

    assert check_program(spec) == [
        ("/nodes", "No node has a parameter, so there is nothing to improve. Give one node a parameter.")
    ]


@pytest.mark.parametrize("spec", [None, [], "program", {}])
def test_what_is_no_program_at_all_is_refused(spec: Any) -> None:
    with pytest.raises(ProgramError):
        build_program(spec)


def test_all_problems_are_told_at_once() -> None:
    spec = {"inputs": ["a", "a"], "nodes": [{"id": "b", "prompt": "{c}"}], "output": "d"}

    assert [pointer for pointer, _ in check_program(spec)] == [
        "/inputs/1",
        "/output",
        "/nodes/0/prompt",
        "/nodes",
    ]


def test_ids_that_are_names_of_module_attributes_are_no_harm() -> None:
    node = {"prompt": "{a}", "parameter": {"value": "v", "description": "d"}}
    program = build_program(
        {
            "inputs": ["a"],
            "nodes": [{"id": "forward", **node}, {"id": "training", **node}],
            "output": "forward",
        }
    )

    assert list(program.state_dict()) == ["forward.system_prompt", "training.system_prompt"]
    assert program.training is False
    assert isinstance(program.parameters()[0], Parameter)
