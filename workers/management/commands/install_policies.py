"""`manage.py install_policies`: bring torch and what else training a policy needs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from project import policy_requirements


class Command(BaseCommand):
    help = "Install what training a policy needs (torch and its kin) into this environment; nothing if it is there."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if policy_requirements.is_installed():
            self.stdout.write("What policies need is installed.")
            return
        try:
            for progress in policy_requirements.install():
                self.stdout.write(progress.sentence or "What policies need is installed.")
        except policy_requirements.InstallationFailed as error:
            raise CommandError(str(error)) from None
