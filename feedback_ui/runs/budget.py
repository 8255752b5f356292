"""Another budget for a run that is under way."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from feedback_ui.questions import Asked, ask
from feedback_ui.runs.pages import run_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.runs.services import Conflict, run_set_budget


class BudgetForm(forms.Form):
    budget = forms.DecimalField(
        label="Budget, $",
        min_value=0.01,
        max_digits=12,
        decimal_places=4,
        required=False,
        help_text="The run stops before it would spend more. Empty: no limit.",
    )


@requires(Action.RUNS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def run_budget(request: WorkspaceRequest, run_id: int) -> HttpResponse:
    """The question on GET, the change on POST."""
    run = run_of(request, run_id)
    form = BudgetForm(request.POST or None, initial={"budget": run.budget})
    if request.method != "POST" or not form.is_valid():
        words = f"So far ${run.spent:.4f} are spent. The new budget holds from the next call on."
        back = reverse("run", args=[run.pk])
        return ask(request, Asked("Another budget?", words, "Set the budget", back, form=form))
    try:
        run_set_budget(run=run, user=request.membership.user, budget=form.cleaned_data["budget"])
        messages.success(request, "The budget is set.")
    except Conflict as conflict:
        messages.error(request, str(conflict))
    return redirect("run", run_id=run.pk)
