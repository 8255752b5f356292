"""The kinds of run, by what they are launched with."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag, TypeAdapter

from optimization.models import Run, RunKind
from optimization.runs.config import RunConfig
from optimization.runs.policy.config import PolicyRunConfig


def _kind(config: Any) -> str:
    """That of a program's prompts where nothing is said."""
    said = config.get("kind") if isinstance(config, dict) else getattr(config, "kind", None)
    return RunKind.POLICY if said == RunKind.POLICY else RunKind.PROMPTS


AnyRunConfig = Annotated[
    Annotated[RunConfig, Tag(RunKind.PROMPTS)] | Annotated[PolicyRunConfig, Tag(RunKind.POLICY)],
    Discriminator(_kind),
]
_ANY: TypeAdapter[RunConfig | PolicyRunConfig] = TypeAdapter(AnyRunConfig)


def config_of(run: Run) -> RunConfig | PolicyRunConfig:
    """What the run was launched with."""
    return _ANY.validate_python(run.config)
