"""The sockets' addresses: `re_path(pattern, Consumer.as_asgi())`."""

from __future__ import annotations

from typing import Any

from django.urls import re_path

from feedback_ui.consumers_queue import QueueConsumer
from feedback_ui.consumers_runs import RunConsumer

# Any: Django's `re_path` knows views alone, Channels routes applications with it.
_run: Any = RunConsumer.as_asgi()
_queue: Any = QueueConsumer.as_asgi()

websocket_urlpatterns: list[Any] = [
    re_path(r"^ws/runs/(?P<run_id>\d+)/$", _run),
    re_path(r"^ws/queue/$", _queue),
]
