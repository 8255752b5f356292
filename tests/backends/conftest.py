"""A tiny policy on disk, and a backend over a folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimization.backends import LocalBackend, TrainableModel
from optimization.policy.models import save_model
from optimization.policy.tokenisation import ByteTokenizer
from tests.policy.builders import tiny


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    save_model(folder, tiny(), ByteTokenizer())
    return str(folder)


@pytest.fixture
def model(base_model: str) -> TrainableModel:
    return TrainableModel(name="clerk", project="desk", base_model=base_model)


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path, device="cpu", threads=1)
