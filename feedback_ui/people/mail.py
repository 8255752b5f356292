"""A member's own mail: the address, and whether they are written to when work waits."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.accounts.services import mail_set


class MailForm(forms.Form):
    email = forms.EmailField(label="Address", required=False, help_text="Empty: nobody writes to you.")
    digest = forms.BooleanField(
        label="Write to me when outputs have waited for an hour, or a deadline is near", required=False
    )


@requires(Action.TOKENS_OWN)
@require_http_methods(["GET", "HEAD", "POST"])
def mail_page(request: WorkspaceRequest) -> HttpResponse:
    member = request.membership
    initial = {"email": member.user.email, "digest": member.mail_digest}
    form = MailForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        mail_set(membership=member, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("mail")
    return render(request, "people/mail.html", {"form": form}, status=422 if form.errors else 200)
