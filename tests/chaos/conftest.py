"""The chaos of a test in a folder of its own, and the fixtures of the engine's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.stack import ChaosStack
from tests.engine.conftest import annotator, launch, operator, process, rehearsal_url, team

__all__ = ["annotator", "launch", "operator", "process", "rehearsal_url", "team"]


@pytest.fixture
def stack(tmp_path: Path, transactional_db: None) -> Iterator[ChaosStack]:
    with ChaosStack(tmp_path) as made:
        yield made
