"""The queue."""

from django.urls import path

from feedback_ui.queue.views import assign, queue

urlpatterns = [path("", queue, name="queue"), path("<int:run_id>/assign/", assign, name="queue_assign")]
