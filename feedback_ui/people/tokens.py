"""A member's own API tokens: made, shown once, revoked."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from feedback_ui.people.forms import TokenForm
from optimization.accounts.errors import AccountError
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.accounts.selectors import tokens_of
from optimization.accounts.tokens import token_create, token_revoke


@requires(Action.TOKENS_OWN)
@require_http_methods(["GET", "HEAD", "POST"])
def tokens_page(request: WorkspaceRequest) -> HttpResponse:
    """The list, and on POST a new token, which this answer shows and no later one."""
    form = TokenForm(request.POST or None, membership=request.membership)
    plain = None
    if request.method == "POST" and form.is_valid():
        try:
            _, plain = token_create(
                workspace=request.workspace,
                user=request.membership.user,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                expires=form.expires,
            )
            form = TokenForm(membership=request.membership)
        except AccountError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
    context = {"tokens": tokens_of(request.membership), "form": form, "plain": plain}
    answer = render(request, "people/tokens.html", context, status=422 if form.errors else 200)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@requires(Action.TOKENS_OWN)
@require_POST
def token_end(request: WorkspaceRequest, token_id: int) -> HttpResponse:
    token = tokens_of(request.membership).filter(pk=token_id).first()
    if token is None:
        raise Http404(f"You have no token {token_id} here; it may have been revoked already.")
    token_revoke(token=token)
    messages.success(request, f"The token “{token.name}” is revoked: what used it is refused from now on.")
    return redirect("tokens")
