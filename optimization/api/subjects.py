"""A router that cannot forget: each route names its action, and declares every status that it can answer with."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial, wraps
from typing import Any, TypeVar

from django.http.response import HttpResponseBase
from ninja import Router, Status
from ninja.decorators import decorate_view
from ninja.operation import Operation
from ninja.utils import contribute_operation_callback

from optimization.accounts.permissions import Action
from optimization.api.idempotency import HEADER, LONGEST_KEY, once
from optimization.api.principals import SessionAuth, TokenAuth
from optimization.api.problems import Problem

View = TypeVar("View", bound=Callable[..., Any])

ALWAYS = (401, 403, 422)
WITH_BODY = (400, 413)
_KEY_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Makes the request happen once: the same body again gets the stored answer, another is a 422.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}


class Subject(Router):
    """Routes of one subject, all for members only. `action` None lets in every member, whatever their role."""

    def __init__(self, name: str) -> None:
        super().__init__(tags=[name])

    def route(
        self,
        method: str,
        path: str,
        action: Action | None,
        answers: dict[int, Any],
        *,
        problems: Collection[int] = (),
        in_transaction: bool = True,
        extra: dict[str, Any] | None = None,
    ) -> Callable[[View], View]:
        """`answers` are the good ones by status, `problems` the refusals besides those that every route has."""
        statuses = {
            *ALWAYS,
            *problems,
            *(WITH_BODY if method != "GET" else ()),
            *((409,) if method == "POST" else ()),
        }
        openapi = dict(extra or {})
        if method == "POST":
            openapi["parameters"] = [_KEY_PARAMETER, *openapi.get("parameters", [])]

        def add(view: View) -> View:
            contribute_operation_callback(view, partial(_answer_with, next(iter(answers))))
            if method == "POST":
                decorate_view(once(action, in_transaction=in_transaction))(view)
            return self.api_operation(
                [method],
                path,
                auth=[TokenAuth(action), SessionAuth(action)],
                response={**answers, **dict.fromkeys(sorted(statuses), Problem)},
                operation_id=view.__name__,
                summary=(view.__doc__ or view.__name__).partition("\n")[0].rstrip("."),
                url_name=view.__name__,
                openapi_extra=openapi,
            )(view)

        return add


def _answer_with(status: int, operation: Operation) -> None:
    """Gives what the view returns the route's good status, where the view names none itself or answers with a file."""
    view = operation.view_func

    @wraps(view)
    def answered(*args: Any, **kwargs: Any) -> Any:
        result = view(*args, **kwargs)
        return result if isinstance(result, Status | HttpResponseBase) else Status(status, result)

    operation.view_func = answered
