"""Launching, under /runs/launch/."""

from django.urls import path

from feedback_ui.launch.views import estimate, fields, launch
from feedback_ui.policies.launching import launch_policy, policy_estimate

urlpatterns = [
    path("policy/", launch_policy, name="launch_policy"),
    path("policy/estimate/", policy_estimate, name="policy_estimate"),
    path("", launch, name="launch"),
    path("fields/", fields, name="launch_fields"),
    path("estimate/", estimate, name="launch_estimate"),
]
