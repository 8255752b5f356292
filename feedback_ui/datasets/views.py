"""Datasets: the list, one with a look into its splits, importing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from feedback_ui.datasets.forms import DatasetForm
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action, member_may
from optimization.catalog.datasets import dataset_import
from optimization.catalog.errors import DatasetRefused
from optimization.catalog.selectors import datasets_of
from optimization.models import Dataset, DatasetVersion, Example, ExampleSplit

PREVIEW = 10


@requires(Action.DATASETS_READ)
@require_safe
def datasets_list(request: WorkspaceRequest) -> HttpResponse:
    context = {
        "datasets": datasets_of(request.workspace),
        "may_write": member_may(request.membership, Action.DATASETS_WRITE),
    }
    return render(request, "datasets/datasets.html", context)


@requires(Action.DATASETS_READ)
@require_safe
def dataset_page(request: WorkspaceRequest, name: str) -> HttpResponse:
    """A version's first examples, split by split; the newest version unless `?version=` names another."""
    dataset = datasets_of(request.workspace).filter(name=name).first()
    if dataset is None:
        raise Http404(f"There is no dataset “{name}” in {request.workspace.name}.")
    versions = list(dataset.versions.annotate(runs_made=Count("runs")).order_by("-number"))
    version = _version(dataset, versions, request.GET.get("version"))
    split = request.GET.get("split", "")
    if not version.sizes.get(split):
        split = next((each for each in ExampleSplit.values if version.sizes.get(each)), "train")
    examples = version.examples.filter(split=split).order_by("position")[:PREVIEW]
    context = {
        "dataset": dataset,
        "versions": versions,
        "version": version,
        "split": split,
        "splits": [(each, version.sizes.get(each, 0)) for each in ExampleSplit.values],
        "fields": _fields(examples),
        "examples": examples,
        "preview": PREVIEW,
        "may_write": member_may(request.membership, Action.DATASETS_WRITE),
        "may_launch": member_may(request.membership, Action.RUNS_WRITE),
    }
    return render(request, "datasets/dataset.html", context)


@requires(Action.DATASETS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def dataset_new(request: WorkspaceRequest) -> HttpResponse:
    """Importing; a refused file shows an error per bad row, and nothing of it is kept."""
    form = DatasetForm(
        request.POST or None, request.FILES or None, initial={"name": request.GET.get("name", "")}
    )
    if request.method == "POST" and form.is_valid():
        try:
            version = dataset_import(
                workspace=request.workspace,
                name=form.cleaned_data["name"],
                lines=form.cleaned_data["file"],
                ratios=form.ratios,
            )
        except DatasetRefused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"Imported {sum(version.sizes.values()):,} rows as {version}.")
            return redirect("dataset", name=version.dataset.name)
    return render(request, "datasets/import.html", {"form": form}, status=422 if form.errors else 200)


def _version(dataset: Dataset, versions: Sequence[DatasetVersion], wanted: str | None) -> DatasetVersion:
    for version in versions:
        if wanted is None or str(version.number) == wanted:
            return version
    raise Http404(f"{dataset.title} has no version {wanted}.")


def _fields(examples: QuerySet[Example]) -> list[str]:
    """The inputs' names, in the order in which the first rows have them."""
    names: dict[str, Any] = {}
    for example in examples:
        names.update(example.inputs)
    return list(names)
