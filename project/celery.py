"""The Celery application. Its settings stand in `project.settings` under CELERY_."""

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("handgrad")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"])


@signals.setup_logging.connect
def log_as_django_does(**_: Any) -> None:
    """A worker that finds this receiver leaves the logging that Django configured as it is."""
