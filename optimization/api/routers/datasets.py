"""Datasets: a few rows as JSON, or a whole file as JSONL; an error per bad row, and nothing half-imported."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from django.conf import settings
from django.http import HttpResponse
from ninja import Query, Schema
from pydantic import Field

from optimization.accounts.permissions import Action
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Slug
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.subjects import Subject
from optimization.catalog.datasets import DEFAULT_RATIOS, dataset_import
from optimization.catalog.selectors import dataset_version_latest, datasets_of
from optimization.models import Dataset, DatasetVersion

router = Subject("datasets")
Split = Literal["train", "validate", "test"]


class DatasetVersionOut(Schema):
    number: int
    digest: str
    sizes: dict[str, int] = Field(description="Rows in each split.")
    created_at: datetime


class DatasetOut(Schema):
    name: str
    title: str
    latest: DatasetVersionOut
    created_at: datetime


class DatasetWhole(DatasetOut):
    versions: list[DatasetVersionOut]


class ExampleOut(Schema):
    split: str
    position: int
    inputs: dict[str, Any]
    target: Any = None


class ImportOptions(Schema):
    """`inputs` are names that every row must have, such as a program's; `seed` shuffles rows that name no split."""

    title: str = Field("", max_length=160)
    seed: int = Field(0, ge=0, le=2**31)
    inputs: list[str] = Field([], max_length=100)


class DatasetIn(ImportOptions):
    """Rows are objects: {"ticket": "...", "target": "...", "split": "train"}; target and split may be left out."""

    name: str = Field(min_length=1, max_length=80)
    rows: list[Any] = Field(min_length=1)
    ratios: dict[str, float] = Field(dict(DEFAULT_RATIOS), max_length=3)


class DatasetQuery(Paging):
    sort: Literal["name", "-name", "created", "-created"] = "name"
    search: str = Field("", max_length=160)


class ExampleQuery(Paging):
    split: Split = "train"


@router.route("GET", "", Action.DATASETS_READ, {200: Page[DatasetOut]})
def dataset_list(request: ApiRequest, query: Query[DatasetQuery]) -> Page[DatasetOut]:
    """The workspace's datasets."""
    datasets = datasets_of(request.auth.workspace).filter(title__icontains=query.search)
    rows, following = page_of(
        datasets, query, sort=query.sort, fields={"name": "name", "created": "created_at"}
    )
    return Page(items=[_dataset(row) for row in rows], next=following)


@router.route("POST", "", Action.DATASETS_WRITE, {201: DatasetWhole})
def dataset_create(request: ApiRequest, payload: DatasetIn, response: HttpResponse) -> DatasetWhole:
    """Imports rows, as a new version if there is a dataset of that name; in errors, `line` counts the rows from 1."""
    version = dataset_import(
        workspace=request.auth.workspace,
        name=payload.name,
        lines=(json.dumps(row) for row in payload.rows),
        title=payload.title,
        seed=payload.seed,
        inputs=payload.inputs,
        ratios=payload.ratios,
    )
    response["Location"] = f"/api/v1/datasets/{version.dataset.name}"
    return _whole(version.dataset)


@router.route("GET", "/{name}", Action.DATASETS_READ, {200: DatasetWhole}, problems=(404,))
def dataset_get(request: ApiRequest, name: Slug) -> DatasetWhole:
    """A dataset with its versions."""
    return _whole(_named(request, name))


@router.route(
    "PUT",
    "/{name}",
    Action.DATASETS_WRITE,
    {200: DatasetWhole},
    extra={
        "requestBody": {
            "required": True,
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }
    },
)
def dataset_upload(request: ApiRequest, name: Slug, query: Query[ImportOptions]) -> DatasetWhole:
    """Makes a JSONL file, sent as it is, the dataset's latest version: `curl -T tickets.jsonl .../datasets/tickets`."""
    version = dataset_import(
        workspace=request.auth.workspace,
        name=name,
        lines=_lines(request),
        title=query.title,
        seed=query.seed,
        inputs=query.inputs,
    )
    return _whole(version.dataset)


@router.route("GET", "/{name}/examples", Action.DATASETS_READ, {200: Page[ExampleOut]}, problems=(404,))
def dataset_examples(request: ApiRequest, name: Slug, query: Query[ExampleQuery]) -> Page[ExampleOut]:
    """The latest version's rows of one split, in their order."""
    version = dataset_version_latest(_named(request, name))
    rows, following = page_of(
        version.examples.filter(split=query.split), query, sort="position", fields={"position": "position"}
    )
    items = [
        ExampleOut(split=row.split, position=row.position, inputs=row.inputs, target=row.target)
        for row in rows
    ]
    return Page(items=items, next=following)


def _lines(request: ApiRequest) -> Iterable[bytes]:
    """The body line by line, never whole in memory; a line beyond the limit of a file ends the import anyhow."""
    return iter(lambda: request.readline(settings.DATASET_MAX_BYTES + 1), b"")


def _named(request: ApiRequest, name: str) -> Dataset:
    dataset = datasets_of(request.auth.workspace).filter(name=name).first()
    if dataset is None:
        raise missing("dataset", name)
    return dataset


def _whole(dataset: Dataset) -> DatasetWhole:
    versions = dataset.versions.order_by("-number")
    return DatasetWhole(
        **_dataset(dataset).model_dump(), versions=[_version(version) for version in versions]
    )


def _dataset(dataset: Dataset) -> DatasetOut:
    return DatasetOut(
        name=dataset.name,
        title=dataset.title,
        latest=_version(max(dataset.versions.all(), key=lambda version: version.number)),
        created_at=dataset.created_at,
    )


def _version(version: DatasetVersion) -> DatasetVersionOut:
    return DatasetVersionOut(
        number=version.number, digest=version.digest, sizes=version.sizes, created_at=version.created_at
    )
