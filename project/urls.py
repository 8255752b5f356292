"""Every address: the pages, and what REST and the sockets add."""

from django.urls import URLPattern, URLResolver, include, path

from optimization.api.api import api
from project.health import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/", health, name="health"),
    path("api/v1/", api.urls),
    path("", include("feedback_ui.urls")),
]
