from django.apps import AppConfig


class OptimizationConfig(AppConfig):
    name = "optimization"

    def ready(self) -> None:
        from optimization.programs import registered_programs

        registered_programs()  # the modules of plug-ins register programs, and algorithms beside them
