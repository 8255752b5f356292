from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "workers"

    def ready(self) -> None:
        """Every process nudges, those that serve pages too."""
        from workers import nudges  # noqa: F401
