"""Problems for what never reaches a route: unknown addresses, wrong verbs, refused hosts."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from optimization.api.problems import problem_response

ROOT = "/api/"
_WORDS = {
    404: "There is nothing at this address. The addresses are listed at /api/v1/docs.",
    405: "This address does not know that verb; the Allow header names those that it knows.",
}


class ApiProblemMiddleware:
    """Turns plain error pages under /api/ into problems."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not request.path.startswith(ROOT) or response.status_code < 400:
            return response
        if "json" in response.headers.get("Content-Type", ""):
            return response
        kept = {name: response.headers[name] for name in ("Allow", "Retry-After") if name in response.headers}
        words = _WORDS.get(response.status_code, "The request was refused.")
        return problem_response(request, response.status_code, words, headers=kept)
