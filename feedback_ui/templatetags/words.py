"""Times, money and scores as pages write them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from optimization.runs.words import counted, duration_in_words

register = template.Library()
# What a ReplyError says, with what its item was given up with.
_RAW = re.compile(r"(.*?) Its last reply: (['\"].*['\"])\.?(.*)$", re.DOTALL)
register.filter("duration", duration_in_words)
register.filter("counted", counted)


@register.filter
def clock(at: datetime | None) -> SafeString | str:
    """The time of day, or the day before it if it was another; the browser shows it in the reader's own zone."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    today = local.date() == timezone.localtime().date()
    shown = f"{local:%H:%M}" if today else f"{local.day} {local:%b, %H:%M}"
    return format_html('<time data-clock datetime="{}">{}</time>', local.isoformat(), shown)


@register.filter
def raw_apart(reason: str) -> tuple[str, str]:
    """Why a run stopped, and the reply that a judge could not read, which may be long; "" where it is none of that."""
    found = _RAW.match(reason)
    return (found[1] + found[3], found[2]) if found else (reason, "")


@register.filter
def grouped(number: int) -> str:
    """ "181,240" """
    return f"{number:,}"


@register.filter
def money(dollars: float | None) -> str:
    """US dollars to the cent; what is less than one is not nothing."""
    if not dollars:
        return "$0.00"
    return f"${dollars:.4f}" if dollars < 0.01 else f"${dollars:,.2f}"


@register.filter
def price(dollars: Decimal) -> str:
    """As it was entered, without the zeros that the database adds."""
    return f"{dollars.normalize():f}"


@register.filter
def score(value: float | str | None) -> str:
    """Two digits, a dash where there is none."""
    return "\u2013" if value in (None, "") else f"{value:.2f}"


@register.filter
def figures(value: float | str | None, digits: int) -> str:
    """So many digits after the point, thousands grouped; a dash where there is none."""
    return "\u2013" if value in (None, "") else f"{value:,.{digits}f}"


@register.filter
def signed(value: float | str | None) -> str:
    """With its sign, a proper minus among them; a dash where there is none."""
    return "\u2013" if value in (None, "") else f"{value:+.2f}".replace("-", "\u2212")


@register.filter
def oneline(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


@register.filter
def at(mapping: Mapping[str, Any], key: str) -> Any:
    return mapping.get(key)


@register.filter
def plain(value: Any) -> str:
    """A value of a dataset: text as it is, nothing as nothing, the rest as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
