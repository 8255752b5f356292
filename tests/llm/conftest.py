from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.llm.scripted import ScriptedEndpoint, serving


@pytest.fixture
async def server() -> AsyncIterator[ScriptedEndpoint]:
    endpoint = ScriptedEndpoint()
    async with serving(endpoint) as url:
        endpoint.url = url
        yield endpoint
