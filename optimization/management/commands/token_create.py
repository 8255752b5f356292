"""`manage.py token_create USERNAME`: an API token for a member of a workspace, told on standard output once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from optimization.accounts.errors import AccountError
from optimization.accounts.permissions import PERMISSIONS, Action
from optimization.accounts.tokens import token_create
from optimization.management.workspaces import workspace_named
from optimization.models import Role


class Command(BaseCommand):
    help = "Make an API token for a member and print it; it is shown this once and stored as a digest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="the member for whom the token speaks")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument(
            "--scope",
            action="append",
            choices=[action.value for action in Action],
            help="what it may do; may be given several times (default: all that the member's role may)",
        )
        parser.add_argument("--workspace", help="its slug; may be left out where there is one workspace")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        member = workspace.memberships.filter(user__username=options["username"]).first()
        if member is None:
            raise CommandError(f"{workspace} has no member {options['username']!r}.")
        scopes = options["scope"] or PERMISSIONS[Role(member.role)]
        try:
            _, plain = token_create(
                workspace=workspace, user=member.user, name=options["name"], scopes=scopes
            )
        except AccountError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(plain)
