"""The queue."""

from django.urls import path

from feedback_ui.queue.views import queue

urlpatterns = [path("", queue, name="queue")]
