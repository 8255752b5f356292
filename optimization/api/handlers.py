"""Which exception becomes which problem: one table from the services' words to HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from optimization.accounts.errors import AccountError
from optimization.api.problems import Fault, Refusal, problem_response
from optimization.catalog.errors import CatalogError, DatasetRefused, EndpointChanged
from optimization.feedback.errors import FeedbackError, InvalidAnswer
from optimization.models import RunKind
from optimization.runs.services import Conflict, EditRefused, ForkRefused, LaunchError

_log = structlog.get_logger("handgrad.api")


def handlers_add(api: NinjaAPI) -> None:
    """Every exception that a route can raise, to its problem."""
    for kind, to_refusal in _REFUSALS.items():
        api.add_exception_handler(kind, _answering(to_refusal))
    api.add_exception_handler(Exception, _unexpected)


def _answering(to_refusal: Callable[[Any], Refusal]) -> Callable[[HttpRequest, Any], HttpResponse]:
    def answer(request: HttpRequest, error: Any) -> HttpResponse:
        refusal = to_refusal(error)
        return problem_response(request, refusal.status, refusal.detail, refusal.errors, refusal.headers)

    return answer


def _unexpected(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    got_request_exception.send(sender=NinjaAPI, request=request)
    _log.error("api_error", path=request.path, exc_info=error)
    return problem_response(
        request,
        500,
        "Something went wrong on our side; nothing was changed. The server's log has it under this request id.",
    )


def _unauthenticated(_: AuthenticationError) -> Refusal:
    return Refusal(
        401,
        "Send an API token as “Authorization: Bearer hg_…”, or sign in. Tokens are made on the page of your account.",
        headers={"WWW-Authenticate": 'Bearer realm="Handgrad"'},
    )


def _http(error: HttpError) -> Refusal:
    """What ninja itself raises: 400 for a body that its parser could not read."""
    if error.status_code == 400:
        return Refusal(
            400,
            "The body is not JSON in UTF-8, or holds NaN, a NUL or half a surrogate pair: send one JSON object.",
        )
    return Refusal(error.status_code, f"{error}.")


def _invalid(error: ValidationError) -> Refusal:
    faults = [_fault(entry["loc"], entry["msg"]) for entry in error.errors]
    places = ", ".join(dict.fromkeys(fault.parameter or fault.pointer or "" for fault in faults))
    return Refusal(422, f"The request does not fit: {places}.", faults)


def _fault(loc: Iterable[Any], message: str) -> Fault:
    """`loc` is (where, argument, path within it ...)."""
    said = message.removeprefix("Value error, ")
    where, argument, *path = [*loc, ""][:2] + list(loc)[2:]
    if path[:1] == ["config"] and path[1:2] and path[1] in RunKind.values:
        # Which kind of run a configuration was read as is no part of it.
        del path[1]
    if where in {"body", "form", "file"}:
        return Fault(detail=said, pointer=_pointer("", *path))
    return Fault(detail=said, parameter=str(argument))


def _pointer(base: str, *path: object) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "#" + "".join([base, *(f"/{step}" for step in steps)])


def _catalog(error: CatalogError) -> Refusal:
    return Refusal(
        422, str(error), [Fault(detail=fault.message, pointer=f"#{fault.pointer}") for fault in error.faults]
    )


def _dataset(error: DatasetRefused) -> Refusal:
    refusal = _catalog(error)
    refusal.errors += [Fault(detail=row.message, line=row.line) for row in error.rows]
    return refusal


def _account(error: AccountError) -> Refusal:
    return Refusal(
        422, str(error), [Fault(detail=str(error), pointer=f"#/{error.field}")] if error.field else []
    )


def _launch(error: LaunchError) -> Refusal:
    root = "#" if isinstance(error, ForkRefused) else "#/config"
    faults = [Fault(detail=message, pointer=root + pointer) for pointer, message in error.errors]
    return Refusal(422, f"The run cannot be launched: {error}", faults)


def _edit(error: EditRefused) -> Refusal:
    return Refusal(
        422, str(error), [Fault(detail=words, pointer=f"#{pointer}") for pointer, words in error.errors]
    )


def _answer(error: InvalidAnswer) -> Refusal:
    faults = [
        Fault(detail=words, pointer=_pointer("/body", *name.split("/", 1)))
        for name, words in error.errors.items()
    ]
    return Refusal(422, str(error), faults)


def _too_big(_: RequestDataTooBig) -> Refusal:
    return Refusal(
        413, "The body is too large. Send a dataset's rows as JSONL with PUT /api/v1/datasets/{name}."
    )


_REFUSALS: dict[type[Exception], Callable[[Any], Refusal]] = {
    Refusal: lambda error: error,
    AuthenticationError: _unauthenticated,
    HttpError: _http,
    ValidationError: _invalid,
    RequestDataTooBig: _too_big,
    CatalogError: _catalog,
    DatasetRefused: _dataset,
    EndpointChanged: lambda error: Refusal(412, str(error)),
    AccountError: _account,
    LaunchError: _launch,
    EditRefused: _edit,
    Conflict: lambda error: Refusal(409, str(error)),
    InvalidAnswer: _answer,
    FeedbackError: lambda error: Refusal(409, str(error)),
}
