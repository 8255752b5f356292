"""Errors as `application/problem+json` (RFC 9457): what happened, to which thing, and where in the request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import Field

CONTENT_TYPE = "application/problem+json"


class Fault(Schema):
    """One thing to mend. `pointer` leads to it in the body (a JSON pointer as a URI fragment); `parameter` names a query
    parameter or header; `line` is that of an imported row."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    line: int | None = None


class Problem(Schema):
    """What every error is answered with. `request_id` finds the request in the server's log."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str = ""
    errors: list[Fault] = Field(default=[])


class Refusal(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Iterable[Fault] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


def missing(thing: str, name: object) -> Refusal:
    """404 that names the thing; one of another workspace is not there either."""
    return Refusal(HTTPStatus.NOT_FOUND, f"There is no {thing} {name} in this workspace.")


def problem_response(
    request: HttpRequest,
    status: int,
    detail: str,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=getattr(request, "request_id", ""),
        errors=list(errors),
    )
    content = problem.model_dump_json(exclude_none=True)
    return HttpResponse(content, status=status, content_type=CONTENT_TYPE, headers=dict(headers or {}))
