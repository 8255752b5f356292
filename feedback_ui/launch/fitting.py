"""Which dataset a program is most likely meant for."""

from __future__ import annotations

from optimization.catalog.selectors import datasets_of
from optimization.models import Dataset, Program
from optimization.runs.assembly import program_inputs


def fitting_dataset(program: Program) -> str:
    """The name of the largest dataset whose rows have all the inputs of the program; empty if none has."""
    try:
        inputs = set(program_inputs(program.versions.all()[0]))
    except (KeyError, ValueError):
        return ""
    fitting = [dataset for dataset in datasets_of(program.workspace) if inputs <= _fields(dataset)]
    largest = max(fitting, key=lambda dataset: sum(dataset.versions.all()[0].sizes.values()), default=None)
    return largest.name if largest else ""


def _fields(dataset: Dataset) -> set[str]:
    first = dataset.versions.all()[0].examples.order_by("pk").first()
    return set(first.inputs) if first else set()
