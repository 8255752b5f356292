"""The memory that workers share: short scripts in Redis. Where it does not answer, nobody waits for it."""

from __future__ import annotations

import time
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()
PATIENCE_SECONDS = 0.5
LEFT_ALONE_SECONDS = 1.0
PREFIX = "handgrad:limits:"


class SharedMemory:
    """Scripts by their text, over one Redis; `members` is how many processes to reckon with while it is away."""

    def __init__(self, url: str, members: int) -> None:
        self.members = max(members, 1)
        self._client = Redis.from_url(
            url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS, retry=None
        )
        self._away_until = 0.0

    async def run(self, script: str, key: str, *arguments: str | float) -> list[Any] | None:
        """What the script returns, or None where Redis is away; it is then left alone for a moment."""
        if time.monotonic() < self._away_until:
            return None
        try:
            found: list[Any] = await self._client.eval(script, 1, PREFIX + key, *arguments)
            return found
        except (RedisError, OSError) as error:
            if not self._away_until:
                log.warning("limits_per_process", error=str(error))
            self._away_until = time.monotonic() + LEFT_ALONE_SECONDS
            return None

    async def aclose(self) -> None:
        await self._client.aclose()
