"""People, their roles, and the tokens of their scripts."""

import re

from django.test import Client

from optimization.accounts.tokens import token_authenticate
from optimization.models import ApiToken, Membership, Workspace
from tests.pages.conftest import Browse
from tests.pages.reading import errors_beside, text

Members = dict[str, Membership]


def secret(response: object) -> str:
    """What the page shows once."""
    found = re.search(r"<code[^>]*data-secret>([^<]+)</code>", response.content.decode())
    return found.group(1) if found else ""


class TestMembers:
    def test_are_listed_with_their_roles(self, operator: Client) -> None:
        shown = text(operator.get("/people/"))
        assert "annotator Annotator" in shown
        assert "Add a person" not in shown

    def test_rehearsal_colleagues_are_named_programs(self, operator: Client, members: Members) -> None:
        Membership.objects.filter(pk=members["annotator"].pk).update(is_rehearsal=True)
        assert "Rehearsal colleague (a program, not a person)" in text(operator.get("/people/"))

    def test_one_is_added_with_a_password_shown_once(self, admin: Client) -> None:
        answer = admin.post("/people/add/", {"username": "ines", "role": "operator"})
        password = secret(answer)
        assert answer["Cache-Control"] == "no-store"
        assert Client().login(username="ines", password=password)
        assert not secret(admin.get("/people/"))

    def test_one_who_is_here_already_is_refused_beside_the_name(self, admin: Client) -> None:
        answer = admin.post("/people/add/", {"username": "annotator", "role": "operator"})
        assert answer.status_code == 422
        assert "already a member" in errors_beside(answer, "username")

    def test_an_unknown_role_is_refused(self, admin: Client) -> None:
        answer = admin.post("/people/add/", {"username": "ines", "role": "emperor"})
        assert "emperor is not one of the available choices" in errors_beside(answer, "role")

    def test_a_role_is_changed(self, admin: Client, members: Members) -> None:
        admin.post(f"/people/{members['viewer'].pk}/role/", {"role": "operator"})
        members["viewer"].refresh_from_db()
        assert members["viewer"].role == "operator"

    def test_the_last_admin_stays(self, admin: Client, members: Members) -> None:
        answer = admin.post(f"/people/{members['admin'].pk}/role/", {"role": "viewer"}, follow=True)
        assert "the last admin" in str(next(iter(answer.context["messages"])))

    def test_one_is_taken_out_after_a_question(self, admin: Client, members: Members) -> None:
        address = f"/people/{members['viewer'].pk}/remove/"
        assert "Take viewer out of Support team?" in text(admin.get(address))
        admin.post(address)
        assert not Membership.objects.filter(pk=members["viewer"].pk).exists()

    def test_one_of_another_workspace_is_not_found(self, admin: Client, members: Members) -> None:
        other = Workspace.objects.create(name="Other", slug="other")
        Membership.objects.filter(pk=members["viewer"].pk).update(workspace=other)
        assert admin.post(f"/people/{members['viewer'].pk}/role/", {"role": "admin"}).status_code == 404


class TestTokens:
    def make(self, client: Client, **changes: object) -> object:
        sent = {"name": "nightly", "scopes": ["runs:read"], "days": "90", **changes}
        return client.post("/people/tokens/", sent)

    def test_one_is_made_and_shown_once(self, operator: Client) -> None:
        answer = self.make(operator)
        token = token_authenticate(secret(answer))
        assert token is not None
        assert token.scopes == ["runs:read"]
        assert answer["Cache-Control"] == "no-store"
        assert not secret(operator.get("/people/tokens/"))

    def test_only_what_the_role_may_can_be_given(self, browse: Browse) -> None:
        answer = self.make(browse("viewer"), scopes=["runs:write"])
        assert answer.status_code == 422
        assert "runs:write is not one of the available choices" in errors_beside(answer, "scopes")

    def test_one_is_revoked(self, operator: Client) -> None:
        plain = secret(self.make(operator))
        token = ApiToken.objects.get()
        operator.post(f"/people/tokens/{token.pk}/revoke/")
        assert token_authenticate(plain) is None
        assert "nightly" not in text(operator.get("/people/tokens/")).replace("“nightly” is revoked", "")

    def test_one_of_somebody_else_is_not_found(self, operator: Client, browse: Browse) -> None:
        self.make(operator)
        assert browse("admin").post(f"/people/tokens/{ApiToken.objects.get().pk}/revoke/").status_code == 404
