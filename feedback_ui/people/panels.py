"""Panels: some of the people by a name, to whom a run may put its questions."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.assigning import judges_of
from optimization.feedback.errors import FeedbackError
from optimization.feedback.services import panel_dissolve, panel_set
from optimization.models import Panel, Workspace


class PanelForm(forms.Form):
    name = forms.CharField(max_length=80)
    members = forms.ModelMultipleChoiceField(
        queryset=User.objects.none(),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "choices"}),
        label="Who is in it",
    )

    def __init__(self, *args: object, workspace: Workspace, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["members"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = judges_of(workspace)


@requires(Action.MEMBERS_READ)
@require_http_methods(["GET", "HEAD", "POST"])
def panels(request: WorkspaceRequest) -> HttpResponse:
    """Those there are; `?change=` has one of them in the form, to be changed."""
    kept = request.workspace.panels.prefetch_related("members").order_by("name")
    changed = kept.filter(pk=_number(request.GET.get("change", ""))).first()
    initial = {"name": changed.name, "members": changed.members.all()} if changed else None
    form = PanelForm(request.POST or None, workspace=request.workspace, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            panel = panel_set(panel=changed or Panel(workspace=request.workspace), **form.cleaned_data)
            messages.success(request, f"The panel “{panel}” is kept. Choose it when a run is launched.")
            return redirect("panels")
        except FeedbackError as refused:
            form.add_error("name", str(refused))
    return render(
        request,
        "people/panels.html",
        {"panels": kept, "form": form, "changed": changed},
        status=422 if form.errors else 200,
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


@requires(Action.MEMBERS_READ)
@require_POST
def panel_end(request: WorkspaceRequest, panel_id: int) -> HttpResponse:
    """What waits for the panel alone then waits for everybody."""
    panel = get_object_or_404(Panel, pk=panel_id, workspace=request.workspace)
    panel_dissolve(panel=panel)
    messages.success(request, f"The panel “{panel}” is gone; what waited for it waits for everybody.")
    return redirect("panels")
