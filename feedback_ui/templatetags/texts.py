"""`{{ output|as_text }}`: a text that a model wrote, rendered safely."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString

from feedback_ui.rendering import text_as_html

register = template.Library()


@register.filter
def as_text(value: Any) -> SafeString:
    return text_as_html(value)
