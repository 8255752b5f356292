"""A person's own switch for the digest, and where it goes."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.models import Membership


class MailForm(forms.Form):
    email = forms.EmailField(label="Mail", required=False)
    mail_digest = forms.BooleanField(
        label="Write to me when work has waited for an hour, or a deadline is near", required=False
    )


@requires(Action.TOKENS_OWN)
@require_http_methods(["GET", "HEAD", "POST"])
def mail(request: WorkspaceRequest) -> HttpResponse:
    member = request.membership
    initial = {"email": member.user.email, "mail_digest": member.mail_digest}
    form = MailForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        User.objects.filter(pk=member.user_id).update(email=form.cleaned_data["email"])
        Membership.objects.filter(pk=member.pk).update(mail_digest=form.cleaned_data["mail_digest"])
        messages.success(request, "Kept.")
        return redirect("mail")
    return render(request, "people/mail.html", {"form": form}, status=422 if form.errors else 200)
