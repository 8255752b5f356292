"""Programs."""

from django.urls import path

from feedback_ui.programs.views import program_new, program_page, programs_list

urlpatterns = [
    path("", programs_list, name="programs"),
    path("import/", program_new, name="program_new"),
    path("<slug:name>/", program_page, name="program"),
]
