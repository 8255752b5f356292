"""The first page."""

from django.urls import path

from feedback_ui.home.views import home

urlpatterns = [path("", home, name="home")]
