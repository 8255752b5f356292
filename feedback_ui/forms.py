"""How Django draws our forms: one field template, errors beside the field that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.forms import FileInput, Form
from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"


class FileDrop(FileInput):
    """A file that can be chosen, or dropped on a wide ground."""

    template_name = "forms/file_drop.html"


def faults_show(form: Form, faults: Iterable[tuple[str, str]], fields: Mapping[str, str]) -> None:
    """Puts each (JSON pointer, message) beside the field whose pointer it lies under, else above the form.

    `fields` maps pointers to field names; the longest pointer that fits decides.
    """
    for pointer, message in faults:
        fitting = [known for known in fields if pointer == known or pointer.startswith(f"{known}/")]
        name = fields[max(fitting, key=len)] if fitting else None
        form.add_error(name, message)
