"""The Celery application. Its settings stand in `project.settings` under CELERY_."""

import os
import warnings
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

# That a lost broker ends no work is meant (worker_cancel_long_running_tasks_on_connection_loss).
warnings.filterwarnings("ignore", message=r"\s*In Celery 5\.1 we introduced an optional breaking change")

app = Celery("handgrad")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"])


@signals.setup_logging.connect
def log_as_django_does(**_: Any) -> None:
    """A worker that finds this receiver leaves the logging that Django configured as it is."""
