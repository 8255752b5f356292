"""`manage.py bootstrap`: the first workspace and a sign-in for each role, where `manage.py up` is not used."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from optimization.accounts.bootstrap import bootstrap_workspace
from workers.supervisor.welcome import sign_in_table


class Command(BaseCommand):
    help = "Make the first workspace with a sign-in for each role; what is there already stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(sign_in_table(bootstrap_workspace()))
