from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.feedback.scene import Scene


@pytest.fixture
def scene(db: None) -> Scene:
    return Scene.make()


@pytest.fixture
def dana(scene: Scene) -> User:
    return scene.person("dana")


@pytest.fixture
def omar(scene: Scene) -> User:
    return scene.person("omar")
