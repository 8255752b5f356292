"""Inviting people by a link, and coming in by one."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from optimization.accounts.errors import AccountError
from optimization.accounts.invitations import (
    invitation_accept,
    invitation_create,
    invitation_found,
    invitation_revoke,
    invitations_open,
)
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import open_to_all, requires
from optimization.accounts.permissions import Action
from optimization.models import Invitation, Role

ROLES = [(role.value, role.label) for role in (Role.ANNOTATOR, Role.OPERATOR, Role.VIEWER)]


class InviteForm(forms.Form):
    role = forms.ChoiceField(choices=ROLES, initial=Role.ANNOTATOR.value)
    places = forms.IntegerField(label="For how many people", min_value=1, max_value=200, initial=1)
    days = forms.IntegerField(label="Good for, days", min_value=1, max_value=90, initial=7)
    note = forms.CharField(label="Note to yourself", max_length=120, required=False)


class JoinForm(forms.Form):
    username = forms.CharField(label="Name", max_length=150, help_text="What you sign in with.")
    email = forms.EmailField(
        label="Mail", required=False, help_text="Only for a digest when work waits; you can switch it off."
    )
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), help_text="10 characters or more."
    )


@requires(Action.MEMBERS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def invitations(request: WorkspaceRequest) -> HttpResponse:
    """The open ones, and on POST a new one, whose link this answer shows and no later one."""
    form = InviteForm(request.POST or None)
    link = ""
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = invitation_create(
                workspace=request.workspace, user=request.membership.user, **form.cleaned_data
            )
            link = request.build_absolute_uri(reverse("join", args=[secret]))
            form = InviteForm()
        except AccountError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
    context = {
        "form": form,
        "link": link,
        "open": invitations_open().filter(workspace=request.workspace).order_by("expires_at"),
    }
    answer = render(request, "people/invitations.html", context, status=422 if form.errors else 200)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@requires(Action.MEMBERS_WRITE)
@require_POST
def invitation_end(request: WorkspaceRequest, invitation_id: int) -> HttpResponse:
    invitation_revoke(invitation=get_object_or_404(Invitation, pk=invitation_id, workspace=request.workspace))
    messages.success(request, "The link is good no more; who has joined by it stays.")
    return redirect("invitations")


@open_to_all
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """The way in for who has the link: a name and a password, then their first page."""
    invitation = invitation_found(secret)
    if invitation is None:
        return render(request, "people/join.html", {"invitation": None}, status=404)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            member = invitation_accept(secret=secret, **form.cleaned_data)
            login(request, member.user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("judge" if member.role == Role.ANNOTATOR else "home")
        except AccountError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
    answer = render(
        request,
        "people/join.html",
        {"invitation": invitation, "form": form},
        status=422 if form.errors else 200,
    )
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
