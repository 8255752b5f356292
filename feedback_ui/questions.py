"""A question in words before a deed: in the page's dialog, or as a page of its own without scripts."""

from __future__ import annotations

from dataclasses import dataclass

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@dataclass(frozen=True)
class Asked:
    """`back` is the address to which “leave it as it is” leads."""

    question: str
    words: str
    button: str
    back: str
    danger: bool = False
    form: Form | None = None


def ask(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The form POSTs to the address at which it was asked for."""
    template = "parts/question.html" if request.headers.get("HX-Request") else "parts/question_page.html"
    return render(request, template, {"asked": asked})
