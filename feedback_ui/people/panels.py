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
from optimization.feedback.lanes import lane_dissolve
from optimization.models import Panel, Workspace


class PanelForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="The name of a panel that is there changes who is in it.")
    members = forms.ModelMultipleChoiceField(
        queryset=User.objects.none(),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "choices"}),
        label="Who is in it",
    )

    def __init__(self, *args: object, workspace: Workspace, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["members"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = User.objects.filter(
            memberships__workspace=workspace, memberships__is_rehearsal=False
        ).order_by("username")


@requires(Action.MEMBERS_READ)
@require_http_methods(["GET", "HEAD", "POST"])
def panels(request: WorkspaceRequest) -> HttpResponse:
    form = PanelForm(request.POST or None, workspace=request.workspace)
    if request.method == "POST" and form.is_valid():
        panel, _ = Panel.objects.get_or_create(workspace=request.workspace, name=form.cleaned_data["name"])
        panel.members.set(form.cleaned_data["members"])
        messages.success(request, f"The panel “{panel}” is kept. Choose it when a run is launched.")
        return redirect("panels")
    kept = request.workspace.panels.prefetch_related("members").order_by("name")
    return render(
        request, "people/panels.html", {"panels": kept, "form": form}, status=422 if form.errors else 200
    )


@requires(Action.MEMBERS_READ)
@require_POST
def panel_end(request: WorkspaceRequest, panel_id: int) -> HttpResponse:
    """What waits for the panel alone then waits for everybody."""
    panel = get_object_or_404(Panel, pk=panel_id, workspace=request.workspace)
    lane_dissolve(panel)
    messages.success(request, f"The panel “{panel}” is gone; what waited for it waits for everybody.")
    return redirect("panels")
