"""Gold items: those there are, importing more, marking an answer as the one that is expected."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from feedback_ui.forms import FileDrop
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.errors import FeedbackError
from optimization.feedback.quality.words import answer_in_words, question_in_words, subject_of
from optimization.feedback.services import gold_import, gold_mark
from optimization.models import Answer, Audience, Gold

SHOWN = 200
FAULTS = 8


class ImportForm(forms.Form):
    file = forms.FileField(
        widget=FileDrop,
        label="Gold items, JSONL",
        help_text='Each line: {"question": {…}, "expected": {…}}, as GET /api/v1/quality/gold gives them.',
    )


@dataclass(frozen=True)
class Row:
    gold: Gold
    subject: str
    asked: str
    expected: str
    answers: int


@requires(Action.FEEDBACK_REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def gold_page(request: WorkspaceRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        text = form.cleaned_data["file"].read().decode("utf-8", "replace")
        taken, wrong = gold_import(
            workspace=request.workspace, lines=text.splitlines(), user=request.membership.user
        )
        for line, words in wrong[:FAULTS]:
            form.add_error("file", f"Line {line}: {words}")
        if len(wrong) > FAULTS:
            form.add_error("file", f"And {len(wrong) - FAULTS} more lines.")
        if taken:
            messages.success(request, f"{taken} gold item{'s' if taken != 1 else ''} taken.")
        if not wrong:
            return redirect("gold")
    kept = Gold.objects.filter(workspace=request.workspace, active=True).order_by("-pk")
    rows = [
        Row(
            gold,
            subject_of(gold.question),
            question_in_words(gold.question),
            answer_in_words(gold.question, gold.expected),
            Answer.objects.filter(request__gold=gold, request__audience=Audience.CHECK).count(),
        )
        for gold in kept[:SHOWN]
    ]
    return render(
        request, "quality/gold.html", {"rows": rows, "form": form}, status=422 if form.errors else 200
    )


@requires(Action.FEEDBACK_REVIEW)
@require_POST
def mark(request: WorkspaceRequest, answer_id: int) -> HttpResponse:
    answer = get_object_or_404(Answer, pk=answer_id, request__workspace=request.workspace)
    try:
        gold_mark(answer=answer, user=request.membership.user)
        messages.success(request, "Kept as a gold item: others will be shown its question among theirs.")
    except FeedbackError as refused:
        messages.error(request, str(refused))
    back = request.POST.get("next", "")
    return redirect(back if url_has_allowed_host_and_scheme(back, {request.get_host()}) else "gold")


@requires(Action.FEEDBACK_REVIEW)
@require_POST
def end(request: WorkspaceRequest, gold_id: int) -> HttpResponse:
    get_object_or_404(Gold, pk=gold_id, workspace=request.workspace)
    Gold.objects.filter(pk=gold_id).update(active=False)
    messages.success(request, "This gold item is shown no more; the answers to it stay.")
    return redirect("gold")
