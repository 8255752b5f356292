"""Each promise of docs/promises*.md names the tests that show it, and they are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

TESTS: Path = settings.BASE_DIR / "tests"
PAGES = [page.read_text() for page in sorted((settings.BASE_DIR / "docs").glob("promises*.md"))]
SHOWN_BY = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
PROMISES = [
    "- " + item for page in PAGES for part in page.split("\n## ")[1:] for item in part.split("\n- ")[1:]
]


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_there_are_promises() -> None:
    assert len(PROMISES) > 50


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: " ".join(promise.split())[2:60])
def test_a_promise_is_shown_by_tests_that_are_there(promise: str) -> None:
    shown_by = SHOWN_BY.findall(promise)

    assert shown_by, promise
    assert [f"{file}::{name}" for file, name in shown_by if name not in names_in(file)] == []
    assert promise.count("::") == len(shown_by)
