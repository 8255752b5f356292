"""Programs: a JSON program that would not run is refused with the place of each fault; versions by digest."""

import copy

import pytest

from optimization.catalog.errors import ProgramRefused
from optimization.catalog.programs import program_import, program_register
from optimization.catalog.shipped import shipped_datasets_register, shipped_programs_register
from optimization.models import Program, Workspace
from optimization.programs import get_program

SPEC = {
    "inputs": ["ticket"],
    "nodes": [
        {
            "id": "draft",
            "prompt": "Ticket: {ticket}",
            "parameter": {"value": "You answer.", "description": "how to answer"},
        },
        {
            "id": "refine",
            "prompt": "Improve: {draft}",
            "parameter": {"value": "You refine.", "description": "how to refine"},
        },
    ],
    "output": "refine",
}


def changed(**changes: object) -> dict:
    spec = copy.deepcopy(SPEC)
    for path, value in changes.items():
        *steps, last = path.split("__")
        place = spec
        for step in steps:
            place = place[int(step) if step.isdigit() else step]
        place[last] = value
    return spec


def test_a_json_program_becomes_a_version(workspace: Workspace) -> None:
    version = program_import(workspace=workspace, name="Support Mail", spec=SPEC, title="Mail")
    assert (version.program.name, version.program.title, version.number) == ("support-mail", "Mail", 1)
    assert version.spec == SPEC


def test_the_same_program_is_the_same_version_and_a_changed_one_the_next(workspace: Workspace) -> None:
    first = program_import(workspace=workspace, name="mail", spec=SPEC)
    assert program_import(workspace=workspace, name="mail", spec=changed()) == first
    other = changed(nodes__0__prompt="Mail: {ticket}")
    assert program_import(workspace=workspace, name="mail", spec=other).number == 2


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        (changed(nodes__1__prompt="Improve: {nobody}"), "/spec/nodes/1/prompt"),
        (changed(nodes__0__prompt="{refine}"), "/spec/nodes"),
        (changed(nodes__1__id="draft"), "/spec/nodes/1/id"),
        (changed(output="nobody"), "/spec/output"),
        (changed(nodes=[]), "/spec/nodes"),
        ({}, "/spec/nodes"),
        ({"registered": "support_reply"}, "/spec/registered"),
    ],
    ids=["names no node", "cycle", "twice", "no output", "no nodes", "empty", "registered"],
)
def test_a_program_that_would_not_run_is_refused_at_its_fault(workspace, spec, pointer) -> None:
    with pytest.raises(ProgramRefused) as refusal:
        program_import(workspace=workspace, name="mail", spec=spec)
    pointers = [fault.pointer for fault in refusal.value.faults]
    assert any(found.startswith(pointer) for found in pointers), refusal.value.faults
    assert not Program.objects.exists()


def test_a_name_of_signs_alone_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ProgramRefused, match="cannot name a program"):
        program_import(workspace=workspace, name="???", spec=SPEC)


def test_shipped_programs_and_datasets_fit_each_other(workspace: Workspace) -> None:
    programs = {version.program.name: version for version in shipped_programs_register(workspace=workspace)}
    datasets = {version.dataset.name: version for version in shipped_datasets_register(workspace=workspace)}
    assert programs["support_reply"].spec == {"registered": "support_reply"}
    tickets = datasets["support-tickets"]
    assert sum(tickets.sizes.values()) >= 40
    assert tickets.sizes["train"]
    assert tickets.sizes["test"]
    example = tickets.examples.first()
    assert set(get_program("support_reply").inputs) <= set(example.inputs)


def test_registering_again_changes_nothing(workspace: Workspace) -> None:
    first = program_register(workspace=workspace, name="support_reply")
    assert program_register(workspace=workspace, name="support_reply") == first


def test_a_program_that_no_code_registers_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ProgramRefused, match="No installed code"):
        program_register(workspace=workspace, name="nothing")
