"""Endpoints: edited while runs use them. Keys go in and never come out."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from django.http import HttpResponse
from ninja import Header, Query, Schema
from pydantic import ConfigDict

from optimization.accounts.permissions import Action
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import Fault, Refusal, missing
from optimization.api.subjects import Subject
from optimization.catalog.endpoints import (
    EndpointFields,
    endpoint_create,
    endpoint_delete,
    endpoint_update,
)
from optimization.catalog.probe import endpoint_test
from optimization.models import Endpoint

router = Subject("endpoints")
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=100)]


class EndpointOut(Schema):
    """Rates are per minute, times in seconds, prices in US dollars per million tokens. `has_key` tells that a key is
    stored; `is_rehearsal`, that a program answers there and no language model."""

    id: int
    name: str
    model: str
    base_url: str
    has_key: bool
    is_rehearsal: bool
    max_concurrent: int | None
    rate_limit: int | None
    tokens_per_minute: int | None
    max_tokens: int | None
    max_retries: int
    retry_delay: float
    timeout: float
    input_cost_per_1m: Decimal
    output_cost_per_1m: Decimal
    revision: int
    updated_at: datetime


class EndpointIn(EndpointFields):
    """A new endpoint; `name` is the alias that programs, judges and optimizers ask for."""


class EndpointEdit(Schema):
    """What is left out stays as it is; the bounds are those of a new endpoint."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    model: str | None = None
    base_url: str | None = None
    api_key: str | None = None
    max_concurrent: int | None = None
    rate_limit: int | None = None
    tokens_per_minute: int | None = None
    max_tokens: int | None = None
    max_retries: int | None = None
    retry_delay: float | None = None
    timeout: float | None = None
    input_cost_per_1m: Decimal | None = None
    output_cost_per_1m: Decimal | None = None


class EndpointTestOut(Schema):
    ok: bool
    message: str
    seconds: float | None = None


class EndpointQuery(Paging):
    sort: Literal["name", "-name"] = "name"


@router.route("GET", "", Action.ENDPOINTS_READ, {200: Page[EndpointOut]})
def endpoint_list(request: ApiRequest, query: Query[EndpointQuery]) -> Page[EndpointOut]:
    """The workspace's endpoints."""
    rows, following = page_of(
        request.auth.workspace.endpoints.all(), query, sort=query.sort, fields={"name": "name"}
    )
    return Page(items=[_endpoint(row) for row in rows], next=following)


@router.route("POST", "", Action.ENDPOINTS_WRITE, {201: EndpointOut})
def endpoint_add(request: ApiRequest, payload: EndpointIn, response: HttpResponse) -> EndpointOut:
    """Adds an endpoint, in use at once by whatever asks for its name."""
    endpoint = endpoint_create(workspace=request.auth.workspace, **payload.model_dump())
    response["Location"] = f"/api/v1/endpoints/{endpoint.pk}"
    return _tagged(endpoint, response)


@router.route("GET", "/{endpoint_id}", Action.ENDPOINTS_READ, {200: EndpointOut}, problems=(404,))
def endpoint_get(request: ApiRequest, endpoint_id: Id, response: HttpResponse) -> EndpointOut:
    """An endpoint; its ETag goes into the If-Match of an edit."""
    return _tagged(_found(request, endpoint_id), response)


@router.route("PATCH", "/{endpoint_id}", Action.ENDPOINTS_WRITE, {200: EndpointOut}, problems=(404, 412))
def endpoint_edit(
    request: ApiRequest,
    endpoint_id: Id,
    payload: EndpointEdit,
    response: HttpResponse,
    if_match: IfMatch = None,
) -> EndpointOut:
    """Changes the fields that are sent, in use for the next call. With If-Match, only if nobody else has changed it."""
    endpoint = endpoint_update(
        endpoint=_found(request, endpoint_id),
        revision=_revision(if_match),
        **payload.model_dump(exclude_unset=True),
    )
    return _tagged(endpoint, response)


@router.route("DELETE", "/{endpoint_id}", Action.ENDPOINTS_WRITE, {204: None}, problems=(404,))
def endpoint_remove(request: ApiRequest, endpoint_id: Id) -> None:
    """Removes an endpoint; who asks for its name gets the one that the name falls back to."""
    endpoint_delete(endpoint=_found(request, endpoint_id))


@router.route(
    "POST",
    "/{endpoint_id}/test",
    Action.ENDPOINTS_TEST,
    {200: EndpointTestOut},
    problems=(404,),
    in_transaction=False,
)
def endpoint_try(request: ApiRequest, endpoint_id: Id) -> EndpointTestOut:
    """Makes one real call and says what came of it; a failed call is an answer too, with `ok` false."""
    test = endpoint_test(_found(request, endpoint_id))
    return EndpointTestOut(ok=test.ok, message=test.message, seconds=test.seconds)


def _found(request: ApiRequest, endpoint_id: int) -> Endpoint:
    endpoint = request.auth.workspace.endpoints.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise missing("endpoint", endpoint_id)
    return endpoint


def _tagged(endpoint: Endpoint, response: HttpResponse) -> EndpointOut:
    response["ETag"] = f'"{endpoint.revision}"'
    return _endpoint(endpoint)


def _revision(if_match: str | None) -> int | None:
    """The revision that an If-Match names; None where any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip().strip('"')
    if not tag.isascii() or not tag.isdigit():
        raise Refusal(
            412,
            "If-Match is not an ETag of this endpoint: get the endpoint again.",
            [Fault(detail="not an ETag of this endpoint", parameter="If-Match")],
        )
    return int(tag)


def _endpoint(endpoint: Endpoint) -> EndpointOut:
    stored = {name: getattr(endpoint, name) for name in EndpointOut.model_fields if name != "has_key"}
    return EndpointOut(**stored, has_key=bool(endpoint.api_key_encrypted))
