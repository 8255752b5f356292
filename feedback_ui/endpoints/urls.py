"""Endpoints."""

from django.urls import path

from feedback_ui.endpoints.views import (
    endpoint_edit,
    endpoint_new,
    endpoint_remove,
    endpoint_try,
    endpoints_list,
)

urlpatterns = [
    path("", endpoints_list, name="endpoints"),
    path("new/", endpoint_new, name="endpoint_new"),
    path("<int:endpoint_id>/", endpoint_edit, name="endpoint"),
    path("<int:endpoint_id>/test/", endpoint_try, name="endpoint_try"),
    path("<int:endpoint_id>/delete/", endpoint_remove, name="endpoint_remove"),
]
