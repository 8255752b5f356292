"""Datasets, under /data/."""

from django.urls import path

from feedback_ui.datasets.views import dataset_new, dataset_page, datasets_list

urlpatterns = [
    path("", datasets_list, name="datasets"),
    path("import/", dataset_new, name="dataset_new"),
    path("<slug:name>/", dataset_page, name="dataset"),
]
