"""Endpoints: what runs may call, edited while they run, with a button that tries one."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from feedback_ui.endpoints.forms import EndpointForm
from feedback_ui.questions import Asked, ask
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action, member_may
from optimization.catalog.endpoints import (
    endpoint_create,
    endpoint_delete,
    endpoint_update,
    endpoints_for,
)
from optimization.catalog.errors import CatalogError
from optimization.catalog.probe import endpoint_test
from optimization.llm.endpoints import OPENAI_ADDRESS
from optimization.models import Endpoint


@requires(Action.ENDPOINTS_READ)
@require_safe
def endpoints_list(request: WorkspaceRequest) -> HttpResponse:
    context = {
        "endpoints": list(endpoints_for(request.workspace).values()),
        "openai": OPENAI_ADDRESS,
        **_may(request),
    }
    return render(request, "endpoints/endpoints.html", context)


@requires(Action.ENDPOINTS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def endpoint_new(request: WorkspaceRequest) -> HttpResponse:
    form = EndpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            endpoint = endpoint_create(workspace=request.workspace, **form.values)
        except CatalogError as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"Saved the endpoint {endpoint.name}. Test it before a run needs it.")
            return redirect("endpoints")
    return render(request, "endpoints/edit.html", {"form": form}, status=422 if form.errors else 200)


@requires(Action.ENDPOINTS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def endpoint_edit(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """In force for the next call of every run."""
    endpoint = _endpoint(request, endpoint_id)
    form = EndpointForm(request.POST or None, endpoint=endpoint)
    if request.method == "POST" and form.is_valid():
        try:
            endpoint_update(endpoint=endpoint, revision=form.cleaned_data["revision"], **form.values)
        except CatalogError as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"Saved the endpoint {endpoint.name}; the next call uses it.")
            return redirect("endpoints")
    context = {"form": form, "endpoint": endpoint, **_may(request)}
    return render(request, "endpoints/edit.html", context, status=422 if form.errors else 200)


@requires(Action.ENDPOINTS_TEST)
@require_POST
def endpoint_try(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """One real call; the answer stands beside the button."""
    endpoint = _endpoint(request, endpoint_id)
    return render(request, "endpoints/tried.html", {"tried": endpoint_test(endpoint), "endpoint": endpoint})


@requires(Action.ENDPOINTS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def endpoint_remove(request: WorkspaceRequest, endpoint_id: int) -> HttpResponse:
    """The question on GET, the deed on POST."""
    endpoint = _endpoint(request, endpoint_id)
    if request.method == "POST":
        endpoint_delete(endpoint=endpoint)
        messages.success(request, f"Deleted the endpoint {endpoint.name}.")
        return redirect("endpoints")
    asked = Asked(
        question=f"Delete the endpoint {endpoint.name}?",
        words="Its key is deleted with it. Runs that ask for this name go to the endpoint that it falls back to, or "
        "need attention if there is none.",
        button="Delete",
        back=reverse("endpoints"),
        danger=True,
    )
    return ask(request, asked)


def _endpoint(request: WorkspaceRequest, endpoint_id: int) -> Endpoint:
    endpoint = request.workspace.endpoints.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise Http404(f"There is no endpoint {endpoint_id} in {request.workspace.name}.")
    return endpoint


def _may(request: WorkspaceRequest) -> dict[str, bool]:
    return {
        "may_write": member_may(request.membership, Action.ENDPOINTS_WRITE),
        "may_test": member_may(request.membership, Action.ENDPOINTS_TEST),
    }
