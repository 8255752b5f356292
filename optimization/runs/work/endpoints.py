"""Clients for a run's endpoints, kept while their settings stay the same."""

from __future__ import annotations

from collections import OrderedDict

from django.conf import settings

from optimization.catalog.addresses import guarded_http_client
from optimization.catalog.endpoints import endpoint_config, endpoints_for
from optimization.llm import ResourceConfig, ResourceManager
from optimization.models import Run
from optimization.runs.limits import SharedLimits
from optimization.runs.work.budget import RunBudget
from optimization.runs.work.writer import Writer

RUNS_KEPT = 16


class EndpointPool:
    """One manager a run, for those worked at last. An edited endpoint is used by the next work that starts."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._limits = SharedLimits(settings.REDIS_URL, settings.LLM_WORKERS)
        self._managers: OrderedDict[int, tuple[object, ResourceManager]] = OrderedDict()
        self._replaced: list[ResourceManager] = []

    def manager(self, run: Run) -> ResourceManager:
        """Clients for the endpoints as they are configured now. Raises EndpointRefused for a key that cannot be read."""
        endpoints = endpoints_for(run.workspace)
        present = (
            frozenset((alias, endpoint.pk, endpoint.revision) for alias, endpoint in endpoints.items()),
            run.budget is None,
        )
        kept = self._managers.pop(run.pk, None)
        if kept and kept[0] == present:
            self._managers[run.pk] = kept
            return kept[1]
        if kept:
            self._replaced.append(kept[1])
        configs = {alias: endpoint_config(endpoint) for alias, endpoint in endpoints.items()}
        budget = RunBudget(run.pk, self._writer) if run.budget is not None else None
        manager = ResourceManager(
            ResourceConfig(configs),
            budget=budget,
            limiter=self._limits.limiter,
            places=self._limits.places,
            http_client=guarded_http_client,
        )
        self._managers[run.pk] = (present, manager)
        return manager

    async def tidy(self) -> None:
        """Give back and close what is not used; call it when no work is in the air."""
        await self._limits.release()
        while len(self._managers) > RUNS_KEPT:
            self._replaced.append(self._managers.popitem(last=False)[1][1])
        while self._replaced:
            await self._replaced.pop().aclose()

    async def close(self) -> None:
        self._replaced += [manager for _, manager in self._managers.values()]
        self._managers.clear()
        await self.tidy()
        await self._limits.aclose()
