"""A whole run with two annotators, played once for each test that needs one."""

from __future__ import annotations

from tests.engine.conftest import annotator, launch, operator, process, rehearsal_url, small_dataset, team

__all__ = ["annotator", "launch", "operator", "process", "rehearsal_url", "small_dataset", "team"]
