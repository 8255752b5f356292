"""The pure part stands alone: no Django, no torch, and nothing of the engine, at its import."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"django", "celery", "channels", "ninja", "project", "torch"}:
            raise ImportError(name)

sys.meta_path.insert(0, Absent())
"""


@pytest.mark.parametrize(
    "package", ["llm", "core", "losses", "programs", "optimizers", "trainers", "rehearsal.endpoint"]
)
def test_the_pure_part_imports_with_django_absent(package: str) -> None:
    subprocess.run([sys.executable, "-c", f"{BLOCKED}import optimization.{package}"], check=True)
