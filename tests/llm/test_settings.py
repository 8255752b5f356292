"""Endpoints, budgets and caches say what is wrong with their settings when they are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from optimization.llm import (
    DollarBudget,
    EndpointConfig,
    MemoryCache,
    RateLimiter,
    ResourceConfig,
    ResourceManager,
)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("rate_limit", 0),
        ("rate_limit", "60"),
        ("max_concurrent", -1),
        ("max_concurrent", 2.5),
        ("max_concurrent", "4"),
        ("max_concurrent", True),
        ("tokens_per_minute", float("nan")),
        ("timeout", 0),
        ("timeout", None),
        ("max_retries", -1),
        ("max_retries", None),
        ("max_retries", float("inf")),
        ("max_tokens", 1.5),
        ("input_cost_per_1m", -0.1),
        ("output_cost_per_1m", "1"),
        ("base_url", "localhost:8010/v1"),
        ("base_url", 5),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{setting} of the endpoint for 'm' must be .*{value!r}"):
        EndpointConfig("m", **{setting: value})


@pytest.mark.parametrize("model", ["", None, 5])
def test_a_model_has_a_name(model: Any) -> None:
    with pytest.raises(ValueError, match="needs the name of its model"):
        EndpointConfig(model)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: ResourceConfig({"default": {"model": "m"}}),
            "The endpoint 'default' must be an EndpointConfig",
        ),
        (lambda: ResourceConfig(EndpointConfig("m")), r"ResourceConfig\(default=EndpointConfig\("),
        (lambda: ResourceManager(EndpointConfig("m"), budget=1.0), r"budget=DollarBudget\(2.0\)"),
        (lambda: ResourceManager(EndpointConfig("m"), cache=True), r"cache=MemoryCache\(\)"),
    ],
)
def test_what_is_of_another_type_is_told_what_is_wanted(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: DollarBudget("1"),
        lambda: DollarBudget(-1),
        lambda: DollarBudget(float("nan")),
        lambda: DollarBudget(1, spent=-4),
        lambda: MemoryCache(0),
        lambda: RateLimiter("60"),
        lambda: RateLimiter(float("nan")),
    ],
)
def test_numbers_are_in_their_range(make: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="must be a number|at least 1"):
        make()


def test_a_budget_where_nothing_has_a_price_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    ResourceManager(EndpointConfig("m", output_cost_per_1m=1.0), budget=DollarBudget(2))
    assert not caplog.messages
    ResourceManager(EndpointConfig("m"), budget=DollarBudget(2))
    assert caplog.messages == [
        "The budget of $2 holds nothing back: no endpoint has a price. Give it input_cost_per_1m and "
        "output_cost_per_1m, in dollars."
    ]
