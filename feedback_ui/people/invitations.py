"""Inviting by link, and joining by it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from feedback_ui.people.forms import ROLE_WORDS
from optimization.accounts.errors import AccountError
from optimization.accounts.invitations import (
    GONE,
    invitation_accept,
    invitation_create,
    invitation_found,
    invitation_revoke,
    invitations_open,
)
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import open_to_all, requires
from optimization.accounts.permissions import Action
from optimization.accounts.selectors import SESSION_WORKSPACE
from optimization.models import Role


class InvitationForm(forms.Form):
    role = forms.ChoiceField(
        choices=[(role.value, words) for role, words in ROLE_WORDS.items() if role != Role.ADMIN],
        initial=Role.ANNOTATOR.value,
    )
    places = forms.IntegerField(label="For how many people", min_value=1, max_value=500, initial=1)
    days = forms.IntegerField(label="Days that it holds", min_value=1, max_value=90, initial=7)
    note = forms.CharField(
        required=False, max_length=120, label="Note", help_text="For yourself: who gets it."
    )


class JoinForm(forms.Form):
    username = forms.CharField(
        label="Name",
        max_length=150,
        help_text="What you will sign in with.",
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))


@requires(Action.MEMBERS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitations_page(request: WorkspaceRequest) -> HttpResponse:
    """The open links; POST makes one, which is shown in this answer and never again."""
    form = InvitationForm(request.POST or None)
    link = ""
    if request.method == "POST" and form.is_valid():
        user = request.membership.user
        _, secret = invitation_create(workspace=request.workspace, created_by=user, **form.cleaned_data)
        link = request.build_absolute_uri(reverse("join", args=[secret]))
        form = InvitationForm()
    context = {"form": form, "link": link, "invitations": invitations_open(request.workspace)}
    return render(request, "people/invitations.html", context, status=422 if form.errors else 200)


@requires(Action.MEMBERS_WRITE)
@require_POST
def invitation_end(request: WorkspaceRequest, invitation_id: int) -> HttpResponse:
    found = invitations_open(request.workspace).filter(pk=invitation_id).first()
    if found is None:
        raise Http404(f"{request.workspace.name} has no open invitation {invitation_id}.")
    invitation_revoke(invitation=found)
    messages.success(request, "The link does not hold any more. Who has joined by it stays.")
    return redirect("invitations")


@open_to_all
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """Who follows a link joins with the account that they are signed in with, or makes one."""
    invitation = invitation_found(secret)
    if invitation is None:
        return render(request, "people/join.html", {"gone": GONE}, status=404)
    user = request.user if isinstance(request.user, User) else None
    form = JoinForm(request.POST or None)
    if request.method == "POST" and (user or form.is_valid()):
        given: dict[str, Any] = {"user": user} if user else form.cleaned_data
        try:
            member = invitation_accept(secret=secret, **given)
        except AccountError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            if user is None:
                login(request, member.user)
            request.session[SESSION_WORKSPACE] = member.workspace_id
            return redirect("/")
    role = ROLE_WORDS[Role(invitation.role)]
    context = {"invitation": invitation, "role": role, "form": form, "known": user}
    return render(request, "people/join.html", context, status=422 if form.errors else 200)
