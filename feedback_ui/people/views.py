"""The people of a workspace and their roles."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from feedback_ui.people.forms import ROLE_WORDS, PersonForm
from feedback_ui.questions import Asked, ask
from optimization.accounts.errors import AccountError
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action, member_may
from optimization.accounts.selectors import members_of
from optimization.accounts.services import member_add
from optimization.feedback.services import member_leave, member_set_role
from optimization.models import Membership, Role


@requires(Action.MEMBERS_READ)
@require_safe
def people_list(request: WorkspaceRequest) -> HttpResponse:
    return _page(request, PersonForm())


@requires(Action.MEMBERS_WRITE)
@require_POST
def person_add(request: WorkspaceRequest) -> HttpResponse:
    """Adds a person; a password made for them is shown in this answer and never again."""
    form = PersonForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        member, password = member_add(workspace=request.workspace, **form.cleaned_data)
    except AccountError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return _page(request, form)
    if password is None:
        messages.success(request, f"{member.user} had an account and is now a member.")
        return redirect("people")
    answer = _page(request, PersonForm(), made=member, password=password)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@requires(Action.MEMBERS_WRITE)
@require_POST
def person_role(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    member = _member(request, member_id)
    try:
        member_set_role(membership=member, role=request.POST.get("role", ""))
        messages.success(request, f"{member.user} is now {member.get_role_display().lower()}.")
    except AccountError as error:
        messages.error(request, str(error))
    return redirect("people")


@requires(Action.MEMBERS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def person_remove(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """The question on GET, the deed on POST."""
    member = _member(request, member_id)
    if request.method == "POST":
        try:
            member_leave(membership=member)
            messages.success(request, f"{member.user} is no longer a member.")
        except AccountError as error:
            messages.error(request, str(error))
        return redirect("people")
    asked = Asked(
        question=f"Take {member.user} out of {request.workspace.name}?",
        words="They can no longer sign in here, and their tokens end. What they have answered stays.",
        button="Take out",
        back=reverse("people"),
        danger=True,
    )
    return ask(request, asked)


def _page(
    request: WorkspaceRequest,
    form: PersonForm,
    *,
    made: Membership | None = None,
    password: str | None = None,
) -> HttpResponse:
    context = {
        "members": members_of(request.workspace),
        "form": form,
        "roles": Role.choices,
        "role_words": ROLE_WORDS.values(),
        "made": made,
        "password": password,
        "may_write": member_may(request.membership, Action.MEMBERS_WRITE),
    }
    return render(request, "people/people.html", context, status=422 if form.errors else 200)


def _member(request: WorkspaceRequest, member_id: int) -> Membership:
    member = members_of(request.workspace).filter(pk=member_id, is_rehearsal=False).first()
    if member is None:
        raise Http404(f"{request.workspace.name} has no member {member_id} whose role could be changed.")
    return member
