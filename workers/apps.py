from importlib import import_module

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "workers"

    def ready(self) -> None:
        """Let whoever commits work nudge for it: the web processes, where people answer, import no task."""
        import_module("workers.nudges")
