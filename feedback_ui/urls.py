"""The pages, by subject."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("feedback_ui.judge.urls")),
    path("", include("feedback_ui.signin.urls")),
    path("", include("feedback_ui.home.urls")),
    path("runs/launch/", include("feedback_ui.launch.urls")),
    path("runs/", include("feedback_ui.runs.urls")),
    path("programs/", include("feedback_ui.programs.urls")),
    path("data/", include("feedback_ui.datasets.urls")),
    path("endpoints/", include("feedback_ui.endpoints.urls")),
    path("queue/", include("feedback_ui.queue.urls")),
    path("queue/", include("feedback_ui.quality.urls")),
    path("people/", include("feedback_ui.people.urls")),
]
