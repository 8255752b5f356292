"""Programs: JSON ones that come in over a page or REST, and those that Python code registers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from optimization.catalog.errors import Fault, ProgramRefused
from optimization.models import Program, ProgramVersion, Workspace
from optimization.programs import check_program, get_program, program_digest, registered_programs


def program_import(
    *, workspace: Workspace, name: str, spec: Mapping[str, Any], title: str = "", description: str = ""
) -> ProgramVersion:
    """Imports a JSON program as a new version of `name`; the same program again gives the version that it has.

    Raises ProgramRefused with a fault per place in the spec: a template that names no node, a cycle, and so on.
    """
    slug = slugify(name)[:80]
    if not slug:
        raise ProgramRefused(
            f"{name!r} cannot name a program: use letters, digits and dashes.",
            [Fault("/name", "use letters, digits and dashes")],
        )
    if "registered" in spec:
        raise ProgramRefused(
            "A program of Python code is registered where the code is installed, not imported.",
            [Fault("/spec/registered", "leave it out, and give inputs, nodes and output")],
        )
    if faults := [Fault(f"/spec{pointer}", message) for pointer, message in check_program(dict(spec))]:
        raise ProgramRefused(
            "The program would not run. " + " ".join(f"{fault.pointer}: {fault.message}" for fault in faults),
            faults,
        )
    return _version(
        workspace, slug, title or name, description, spec=dict(spec), digest=program_digest(dict(spec))
    )


def program_register(*, workspace: Workspace, name: str) -> ProgramVersion:
    """Takes a registered Python program into the workspace; a new version if its code or parameters have changed.

    Raises ProgramRefused if no code registers that name.
    """
    if name not in registered_programs():
        raise ProgramRefused(f"No installed code registers a program named {name}.")
    registered = get_program(name)
    return _version(
        workspace,
        slugify(name)[:80],
        registered.title,
        registered.description,
        spec={"registered": name},
        digest=program_digest(registered.build()),
    )


@transaction.atomic
def _version(
    workspace: Workspace, slug: str, title: str, description: str, *, spec: dict[str, Any], digest: str
) -> ProgramVersion:
    """Locks the program, so that two imports at once get two numbers."""
    program, _ = Program.objects.get_or_create(
        workspace=workspace, name=slug, defaults={"title": title[:160], "description": description}
    )
    Program.objects.select_for_update().get(pk=program.pk)
    if same := program.versions.filter(digest=digest).first():
        return same
    latest = program.versions.order_by("-number").first()
    return ProgramVersion.objects.create(
        program=program, number=latest.number + 1 if latest else 1, spec=spec, digest=digest
    )
