"""Launching, under /runs/launch/."""

from django.urls import path

from feedback_ui.launch.views import estimate, fields, launch

urlpatterns = [
    path("", launch, name="launch"),
    path("fields/", fields, name="launch_fields"),
    path("estimate/", estimate, name="launch_estimate"),
]
