"""A rehearsal endpoint over real HTTP, and the cases that we wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from optimization.rehearsal import DATA
from optimization.rehearsal.brief import Brief
from optimization.rehearsal.endpoint import running


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


TICKETS = rows("tickets.jsonl")
NOTES = rows("product_notes.jsonl")


def case_text(inputs: dict[str, str]) -> str:
    """A user message as a program's template renders it."""
    return "\n\n".join(f"{name.capitalize()}: {value}" for name, value in inputs.items())


def brief_of(row: dict[str, Any]) -> Brief:
    return Brief.read(case_text(row["inputs"]))


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def client(base_url: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=base_url, api_key="none needed", max_retries=0, timeout=10)
