"""A program as JSON: nodes that ask a model, each with a prompt over the inputs and other nodes.

    {"inputs": ["ticket"],
     "nodes": [{"id": "draft", "alias": "default", "prompt": "Ticket: {ticket}",
                "parameter": {"value": "You answer ...", "description": "...", "constraints": []},
                "temperature": null, "max_tokens": 400}],
     "output": "draft"}

`parameter` is the node's system prompt, and learns; `system_prompt` is one that does not.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from optimization.core.constraints import as_constraint, placeholders

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=60)]
Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ParameterSpec(_Spec):
    value: str
    description: Text
    constraints: tuple[str | dict[str, Any], ...] = ()

    @field_validator("constraints")
    @classmethod
    def _known(cls, constraints: tuple[str | dict[str, Any], ...]) -> tuple[str | dict[str, Any], ...]:
        for constraint in constraints:
            as_constraint(constraint)
        return constraints


class NodeSpec(_Spec):
    id: Identifier
    prompt: Text
    alias: Text = "default"
    parameter: ParameterSpec | None = None
    system_prompt: Text | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None


class ProgramSpec(_Spec):
    inputs: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    nodes: Annotated[tuple[NodeSpec, ...], Field(min_length=1)]
    output: Identifier


class ProgramError(ValueError):
    """A program that cannot be built. `pointer` is the JSON pointer of the place; `problems` are all of them."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer or '/'}: {message}" for pointer, message in problems))
        self.problems = problems
        self.pointer, self.message = problems[0]


def check_program(spec: Any) -> list[tuple[str, str]]:
    """Everything that is wrong with a program's JSON, as (JSON pointer, message); empty if nothing is."""
    try:
        program = ProgramSpec.model_validate(spec)
    except ValidationError as error:
        return [(_pointer(problem["loc"]), _words(problem)) for problem in error.errors()]
    return [*_names(program), *_nodes(program), *_cycle(program), *_learns(program)]


def read_program(spec: Any) -> ProgramSpec:
    """The program's JSON, checked; ProgramError if something is wrong with it."""
    problems = check_program(spec)
    if problems:
        raise ProgramError(problems)
    return ProgramSpec.model_validate(spec)


def in_order(program: ProgramSpec) -> list[NodeSpec]:
    """The nodes, each after those that its prompt uses; those on a cycle are left out."""
    waiting = {node.id: node for node in program.nodes}
    ordered: list[NodeSpec] = []
    while True:
        ready = [
            node
            for node in waiting.values()
            if not any(name in waiting for name in placeholders(node.prompt))
        ]
        if not ready:
            return ordered
        for node in ready:
            ordered.append(waiting.pop(node.id))


def _names(program: ProgramSpec) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    places = [(f"/inputs/{i}", name) for i, name in enumerate(program.inputs)]
    places += [(f"/nodes/{i}/id", node.id) for i, node in enumerate(program.nodes)]
    for pointer, name in places:
        if name in seen:
            problems.append((pointer, f"The name {name!r} is taken already, at {seen[name]}."))
        seen.setdefault(name, pointer)
    if "target" in program.inputs:
        pointer = f"/inputs/{program.inputs.index('target')}"
        problems.append(
            (pointer, "The name 'target' is kept for what an example is judged by. Choose another.")
        )
    if program.output not in {node.id for node in program.nodes}:
        problems.append(
            ("/output", f"No node has the id {program.output!r}: the output is the id of a node.")
        )
    return problems


def _nodes(program: ProgramSpec) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    known = {*program.inputs, *(node.id for node in program.nodes)}
    for i, node in enumerate(program.nodes):
        unknown = [name for name in placeholders(node.prompt) if name not in known]
        if unknown:
            names = ", ".join(f"{{{name}}}" for name in unknown)
            problems.append(
                (
                    f"/nodes/{i}/prompt",
                    f"The prompt uses {names}, which is no input and no node. There are: "
                    f"{', '.join(sorted(known))}.",
                )
            )
        if node.parameter is not None and node.system_prompt is not None:
            problems.append((f"/nodes/{i}/system_prompt", "Give a parameter or a system_prompt, not both."))
    return problems


def _cycle(program: ProgramSpec) -> list[tuple[str, str]]:
    free = {node.id for node in in_order(program)}
    stuck = [(i, node) for i, node in enumerate(program.nodes) if node.id not in free]
    if not stuck:
        return []
    names = ", ".join(node.id for _, node in stuck)
    return [
        (
            f"/nodes/{stuck[0][0]}/prompt",
            f"These nodes wait for one another in a circle, or for one that does: {names}.",
        )
    ]


def _learns(program: ProgramSpec) -> list[tuple[str, str]]:
    if any(node.parameter is not None for node in program.nodes):
        return []
    return [("/nodes", "No node has a parameter, so there is nothing to improve. Give one node a parameter.")]


def _pointer(location: tuple[int | str, ...]) -> str:
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "".join(f"/{part}" for part in escaped)


def _words(problem: Any) -> str:
    match problem["type"]:
        case "missing":
            return "This is missing."
        case "extra_forbidden":
            return "Nothing of this name belongs here."
        case "string_pattern_mismatch" if problem["ctx"]["pattern"] == r"\S":
            return "This must not be blank."
        case "string_pattern_mismatch":
            return "A name has letters, digits and underscores, and does not begin with a digit."
        case "value_error":
            return str(problem["ctx"]["error"])
    message = str(problem["msg"])
    return message[:1].upper() + message[1:] + "."
