"""A POST with an Idempotency-Key happens once, however often it is sent.

1. The key is written down with the request's digest before anything happens.
2. What the request does, and the answer that it gives, are one transaction: a server that dies leaves both or neither.
3. The same request again gets the stored answer; another body under the key is 422, one still in flight 409.
4. A refusal (4xx, 5xx) did nothing: the key is free again.

Secrets that are shown once are not stored: a replayed answer has null in their place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac

from optimization.accounts.permissions import Action
from optimization.api.principals import Principal, principal_of
from optimization.api.problems import Refusal, problem_response
from optimization.models import IdempotentResponse

HEADER = "Idempotency-Key"
LONGEST_KEY = 200
KEPT = timedelta(hours=24)
ABANDONED = timedelta(minutes=5)
SECRETS = frozenset({"token", "password"})
_KEPT_HEADERS = ("Location", "ETag")
Run = Callable[..., HttpResponseBase]


def once(action: Action | None, *, in_transaction: bool = True) -> Callable[[Run], Run]:
    """Wraps a route. `in_transaction=False` is for one that calls the network and writes nothing."""

    def decorate(run: Run) -> Run:
        def guarded(request: HttpRequest, **path: Any) -> HttpResponseBase:
            key = request.headers.get(HEADER)
            principal = _permitted(request, action) if key else None
            if not key or principal is None:
                return run(request, **path)
            if len(key) > LONGEST_KEY or not key.isprintable():
                return problem_response(
                    request,
                    422,
                    f"The Idempotency-Key is longer than {LONGEST_KEY} characters or not printable.",
                )
            try:
                digest = _digest(request, principal)
            except RequestDataTooBig:
                return run(request, **path)
            return _once(request, principal.user, key, digest, partial(run, request, **path), in_transaction)

        return guarded

    return decorate


def _permitted(request: HttpRequest, action: Action | None) -> Principal | None:
    """Whoever may not ask is answered by the route itself, and no key is written down for them."""
    try:
        principal = principal_of(request)
    except Refusal:
        return None
    return principal if principal and (action is None or principal.may(action)) else None


def _once(
    request: HttpRequest,
    user: User,
    key: str,
    digest: str,
    run: Callable[[], HttpResponseBase],
    in_transaction: bool,
) -> HttpResponseBase:
    IdempotentResponse.objects.filter(user=user, created_at__lt=timezone.now() - KEPT).delete()
    row, first = IdempotentResponse.objects.get_or_create(user=user, key=key, defaults={"digest": digest})
    if not first and (answer := _earlier(request, row, digest)):
        return answer
    return _carried_out(row, run, in_transaction)


def _carried_out(
    row: IdempotentResponse, run: Callable[[], HttpResponseBase], in_transaction: bool
) -> HttpResponseBase:
    done = False
    try:
        if not in_transaction:
            response = run()
            done = _keep(row, response)
            return response
        with transaction.atomic():
            response = run()
            done = _keep(row, response)
            if not done:
                transaction.set_rollback(True)
        return response
    finally:
        if not done:
            row.delete()


def _earlier(request: HttpRequest, row: IdempotentResponse, digest: str) -> HttpResponse | None:
    """The answer to give where the key is known; None if this request takes over from one that died."""
    if row.digest != digest:
        return problem_response(
            request,
            422,
            "This Idempotency-Key was used for another request: send a new key with a new request.",
        )
    if row.status is not None:
        return _replay(row)
    abandoned = IdempotentResponse.objects.filter(
        pk=row.pk, status=None, created_at__lt=timezone.now() - ABANDONED
    )
    if abandoned.update(created_at=timezone.now()):
        return None
    return problem_response(
        request,
        409,
        "The first request with this Idempotency-Key is still in flight: ask again in a moment.",
        headers={"Retry-After": "2"},
    )


def _digest(request: HttpRequest, principal: Principal) -> str:
    said = "\n".join([str(principal.workspace.pk), str(request.method), request.get_full_path(), ""])
    return salted_hmac(HEADER, said.encode() + request.body, algorithm="sha256").hexdigest()


def _keep(row: IdempotentResponse, response: HttpResponseBase) -> bool:
    if response.status_code >= 400 or not isinstance(response, HttpResponse):
        return False
    content = json.loads(response.content) if response.content else None
    if isinstance(content, dict):
        content = {name: None if name in SECRETS else value for name, value in content.items()}
    headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
    row.status, row.body = response.status_code, {"content": content, "headers": headers}
    row.save(update_fields=["status", "body"])
    return True


def _replay(row: IdempotentResponse) -> HttpResponse:
    stored: dict[str, Any] = row.body or {}
    content = "" if stored["content"] is None else json.dumps(stored["content"])
    return HttpResponse(
        content,
        status=row.status,
        content_type="application/json; charset=utf-8",
        headers={**stored["headers"], "Idempotency-Replayed": "true"},
    )
