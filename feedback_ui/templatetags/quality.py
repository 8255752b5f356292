"""Figures of quality as pages write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template
from django.template import RequestContext

from optimization.feedback.adjudication import requests_disputed

if TYPE_CHECKING:
    from optimization.feedback.quality.statistics import Estimate

register = template.Library()
DEPENDABLE, TENTATIVE = 0.8, 0.667  # Krippendorff 2004, p. 241


@register.inclusion_tag("quality/tabs.html", takes_context=True)
def queue_tabs(context: RequestContext, here: str) -> dict[str, Any]:
    """The pages of the queue, with what waits for a reviewer."""
    workspace = context["request"].workspace
    return {"here": here, "disputed": requests_disputed(workspace).count()}


@register.filter
def alpha_in_words(alpha: float) -> str:
    if alpha >= DEPENDABLE:
        return "dependable"
    return "tentative" if alpha >= TENTATIVE else "not dependable"


@register.filter
def coefficient(value: float | None) -> str:
    """Two digits with a true minus, and no minus before nothing; a dash where there is none."""
    return "\u2013" if value is None else f"{value:z.2f}".replace("-", "\u2212")


@register.filter
def percent(value: float) -> str:
    return f"{value:.0%}"


@register.filter
def signed(value: float) -> str:
    """With its sign, a true minus."""
    return f"{value:+z.2f}".replace("-", "\u2212")


@register.filter
def share(estimate: Estimate | None) -> str:
    """A share with the ends of its interval; a dash where there is none."""
    if estimate is None:
        return "\u2013"
    return f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"
