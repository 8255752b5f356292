"""The locks name every package with its version and hash, and nothing of the machine that wrote them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
from django.conf import settings

REQUIREMENTS: Path = settings.BASE_DIR / "requirements"
LOCKS = sorted(REQUIREMENTS.glob("*.txt"))
DEPENDENCIES = (settings.BASE_DIR / "docs" / "dependencies.md").read_text()


def pins(lock: str) -> dict[str, str]:
    """Normalised name to version."""
    found = re.findall(r"^([\w.-]+)==([^ \\\n]+)", (REQUIREMENTS / lock).read_text(), re.M)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def asked_for(source: str) -> list[str]:
    """The names in a `.in` file."""
    lines = (REQUIREMENTS / source).read_text().splitlines()
    return [re.split(r"[\[=<>~;]", line)[0].strip() for line in lines if re.match(r"\w", line)]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_index_no_folder_and_no_local_build(lock: Path) -> None:
    text = lock.read_text()

    assert not re.search(
        r"--(extra-)?index-url|--find-links|--trusted-host|://|@ file|^/|==\S+\+", text, re.M
    )


@pytest.mark.parametrize("lock", ["app.txt", "assets.txt", "dev.txt"])
def test_every_package_of_a_hashed_lock_has_a_hash(lock: str) -> None:
    text = (REQUIREMENTS / lock).read_text()

    assert len(re.findall(r"==\S+ \\\n    --hash=sha256:", text)) == len(pins(lock)) > 0


def test_the_locks_agree_on_the_packages_that_they_share() -> None:
    app = pins("app.txt")

    for lock in ("dev.txt", "policy.txt"):
        shared = {name: version for name, version in pins(lock).items() if name in app}
        assert shared == {name: app[name] for name in shared}


def test_torch_is_in_the_lock_of_policies_alone() -> None:
    assert [lock.name for lock in LOCKS if "torch" in pins(lock.name)] == ["policy.txt"]


@pytest.mark.parametrize("source", ["app.in", "assets.in", "dev.in", "policy.in"])
def test_every_requirement_has_its_reason_in_the_docs(source: str) -> None:
    assert [name for name in asked_for(source) if f"`{name}`" not in DEPENDENCIES] == []


def imported_by(folders: Iterable[str]) -> set[str]:
    """The top-level names of every import in the product's own files."""
    names: set[str] = set()
    for path in (path for folder in folders for path in (settings.BASE_DIR / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - OURS


OURS = {"project", "optimization", "feedback_ui", "workers", "tests", "benchmarks"}
POLICY = {"torch", "transformers", "peft", "safetensors", "numpy", "tinker"}


def test_whatever_the_product_imports_is_locked_for_it() -> None:
    distributions_of = packages_distributions()
    locked = pins("app.txt").keys() | pins("policy.txt").keys()

    missing = {
        name
        for name in imported_by(["project", "optimization", "feedback_ui", "workers"])
        if not {re.sub(r"[-_.]+", "-", d).lower() for d in distributions_of.get(name, [name])} & locked
    }
    assert missing - POLICY == set()


def test_what_is_installed_is_what_is_locked() -> None:
    locked = pins("app.txt") | pins("dev.txt")
    installed = {re.sub(r"[-_.]+", "-", d.name).lower(): d.version for d in distributions()}

    drifted = {
        name: (version, installed.get(name))
        for name, version in locked.items()
        if name not in {"pip", "setuptools"} and installed.get(name) != version
    }
    assert drifted == {}
