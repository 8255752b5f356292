"""A request id for every request, and a line in the log for each that fails or is slow (LOG_LEVEL=DEBUG: for all)."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import cast

import structlog
from django.http import HttpRequest, HttpResponseBase

SLOW_SECONDS = 1.0
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_log = structlog.get_logger("handgrad.requests")


class IdentifiedRequest(HttpRequest):
    """What every view is given: the id also stands in the answer's X-Request-ID header."""

    request_id: str


def _told(path: str) -> str:
    """Without the secret of an invitation's link."""
    return "/join/…" if path.startswith("/join/") else path


class RequestLogMiddleware:
    """Sets `request.request_id`, taken from a well-formed X-Request-ID header or made, and returns it in that header.

    Every event logged while the request is answered carries the id.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
        cast(IdentifiedRequest, request).request_id = request_id
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            seconds = time.perf_counter() - started
            worth_a_line = response.status_code >= 400 or seconds >= SLOW_SECONDS
            (_log.info if worth_a_line else _log.debug)(
                "request",
                method=request.method,
                path=_told(request.path),
                status=response.status_code,
                ms=round(seconds * 1000),
            )
        response["X-Request-ID"] = request_id
        return response
