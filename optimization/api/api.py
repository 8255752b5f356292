"""The API as a whole: routers, errors, documentation."""

from __future__ import annotations

from typing import Any

from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from optimization.accounts.pages import open_to_all
from optimization.api.handlers import handlers_add
from optimization.api.parsing import StrictParser
from optimization.api.principals import SessionAuth, TokenAuth
from optimization.api.problems import CONTENT_TYPE
from optimization.api.routers import (
    answers,
    choices,
    datasets,
    desk,
    endpoints,
    feedback,
    history,
    invitations,
    me,
    members,
    panels,
    past,
    policies,
    programs,
    proposals,
    provenance,
    quality,
    runs,
    stuck,
)

DESCRIPTION = """
Everything that a page can do. Make a token on the page of your account and send it as `Authorization: Bearer hg_…`.

* Lists come in pages: follow `next` as `cursor`.
* A POST with an `Idempotency-Key` happens once, however often it is sent.
* Errors are `application/problem+json`: `detail` says what happened and what to do, `errors` where.
"""


class HandgradAPI(NinjaAPI):
    """Makes its OpenAPI schema once a process: that takes a second, and it does not change."""

    _schema: OpenAPISchema | None = None

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        if self._schema is None:
            self._schema = self._with_problems(
                super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
            )
        return self._schema

    @staticmethod
    def _with_problems(schema: OpenAPISchema) -> OpenAPISchema:
        """Errors under the media type that they really have."""
        for operations in schema["paths"].values():
            for operation in operations.values():
                for status, response in operation["responses"].items():
                    if int(status) >= 400:
                        response["content"] = {CONTENT_TYPE: response["content"]["application/json"]}
        return schema


api = HandgradAPI(
    title="Handgrad",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api-1",
    auth=[TokenAuth(), SessionAuth()],
    parser=StrictParser(),
    docs_decorator=lambda view: open_to_all(require_safe(view)),
)
handlers_add(api)
api.add_router("/programs", programs.router)
api.add_router("/datasets", datasets.router)
api.add_router("/endpoints", endpoints.router)
api.add_router("/choices", choices.router)
api.add_router("/runs", runs.router)
api.add_router("/runs", history.router)
api.add_router("/runs", policies.router)
api.add_router("/runs", past.router)
api.add_router("/runs", proposals.router)
api.add_router("/runs", stuck.router)
api.add_router("", provenance.router)
api.add_router("/feedback", feedback.router)
api.add_router("/feedback", answers.router)
api.add_router("/feedback", desk.router)
api.add_router("/feedback", panels.waiting)
api.add_router("/panels", panels.router)
api.add_router("/members", members.router)
api.add_router("", me.router)
api.add_router("/invitations", invitations.router)
api.add_router("/quality", quality.router)
