"""Signing in and out."""

from __future__ import annotations

from django.contrib.auth.forms import AuthenticationForm, UsernameField
from django.contrib.auth.views import LoginView, LogoutView
from django.forms import TextInput


class SignInForm(AuthenticationForm):
    """Name and password; which of the two was wrong is not told."""

    username = UsernameField(label="Name", widget=TextInput(attrs={"autofocus": True}))
    error_messages = {
        "invalid_login": "No account has this name and password together. Check both; upper and lower case count.",
        "inactive": "This account is switched off. Ask an admin of your workspace.",
    }


class SignIn(LoginView):
    template_name = "signin/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    http_method_names = ("get", "post", "head", "options")


class SignOut(LogoutView):
    next_page = "sign_in"
