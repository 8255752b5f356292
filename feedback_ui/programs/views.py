"""Programs: the list, one with its graph, its parameters and versions, importing a JSON program."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from feedback_ui.programs.forms import EXAMPLE, ProgramForm
from feedback_ui.programs.sketch import program_sketch
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action, member_may
from optimization.catalog.errors import ProgramRefused
from optimization.catalog.programs import program_import
from optimization.catalog.selectors import programs_of
from optimization.models import Program, ProgramVersion
from optimization.runs.assembly import program_inputs, program_of


@requires(Action.PROGRAMS_READ)
@require_safe
def programs_list(request: WorkspaceRequest) -> HttpResponse:
    context = {
        "programs": programs_of(request.workspace),
        "may_write": member_may(request.membership, Action.PROGRAMS_WRITE),
    }
    return render(request, "programs/programs.html", context)


@requires(Action.PROGRAMS_READ)
@require_safe
def program_page(request: WorkspaceRequest, name: str) -> HttpResponse:
    """A version's graph and first prompts; the newest version unless `?version=` names another."""
    program = programs_of(request.workspace).filter(name=name).first()
    if program is None:
        raise Http404(f"There is no program “{name}” in {request.workspace.name}.")
    versions = list(program.versions.annotate(runs_made=Count("runs")).order_by("-number"))
    version = _version(program, versions, request.GET.get("version"))
    context = {
        "program": program,
        "versions": versions,
        "version": version,
        "runs": program_runs(program),
        "may_write": member_may(request.membership, Action.PROGRAMS_WRITE),
        "may_launch": member_may(request.membership, Action.RUNS_WRITE),
        **_inside(version),
    }
    return render(request, "programs/program.html", context)


@requires(Action.PROGRAMS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def program_new(request: WorkspaceRequest) -> HttpResponse:
    """Importing; a refused program shows each fault with its place."""
    initial = {"name": request.GET.get("name", ""), "text": EXAMPLE}
    form = ProgramForm(request.POST or None, request.FILES or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            version = program_import(
                workspace=request.workspace,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                spec=form.cleaned_data["spec"],
            )
        except ProgramRefused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"Imported as {version}.")
            return redirect("program", name=version.program.name)
    return render(request, "programs/import.html", {"form": form}, status=422 if form.errors else 200)


def program_runs(program: Program) -> list[object]:
    """The last runs of any of its versions."""
    versions = program.versions.values("pk")
    return list(program.workspace.runs.filter(program_version__in=versions).order_by("-created_at")[:5])


def _inside(version: ProgramVersion) -> dict[str, object]:
    """What the code or the JSON says, or in words why it cannot be read."""
    try:
        module = program_of(version)
    except (KeyError, ValueError) as error:
        return {"trouble": str(error.args[0] if error.args else error)}
    return {
        "sketch": program_sketch(module, tuple(program_inputs(version))),
        "parameters": [(name, each) for name, each in module.named_parameters() if each.requires_grad],
        "source": ""
        if "registered" in version.spec
        else json.dumps(version.spec, indent=2, ensure_ascii=False),
    }


def _version(program: Program, versions: Sequence[ProgramVersion], wanted: str | None) -> ProgramVersion:
    for version in versions:
        if wanted is None or str(version.number) == wanted:
            return version
    raise Http404(f"{program.title} has no version {wanted}.")
