"""The algorithm of a run, of whatever kind, as it was launched."""

from __future__ import annotations

from optimization.models import Run
from optimization.runs.assembly import trainer_prepared
from optimization.runs.config import RunConfig
from optimization.runs.kinds import config_of
from optimization.runs.policy.launch import policy_trainer
from optimization.trainers.trainer import Algorithm


def trainer_for(run: Run) -> Algorithm:
    config = config_of(run)
    if not isinstance(config, RunConfig):
        return policy_trainer(run)
    return trainer_prepared(config, run.dataset_version.sizes)[0]
