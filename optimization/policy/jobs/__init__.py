"""GPU jobs: one child process a job, which alone imports torch.

1. The parent writes what is to be done into the job's folder, `job.json`, and has a child forked for it from a nursery,
   a process that has imported torch already (or starts several by torchrun).
2. The child appends to `progress.jsonl` as it goes: between two micro-batches, and between a few sampled tokens.
3. A file named `cancel` asks it to stop there. A parent that dies takes its child along.
4. The child ends with `result.json`, written in one step: what came of it, or in words what went wrong.
5. A job whose result says "done" is not done again. Whatever else happened, a second try does the same from the start:
   checkpoints are written whole or not at all, and every draw has its seed, so it ends with the same weights.
"""

from __future__ import annotations

from optimization.policy.jobs.runner import JobFailed, run_job
from optimization.policy.jobs.spec import (
    BeginnerJob,
    Job,
    Progress,
    Resources,
    Result,
    RewardModelJob,
    RolloutJob,
    StepJob,
    TrainJob,
)

__all__ = [
    "BeginnerJob",
    "Job",
    "JobFailed",
    "Progress",
    "Resources",
    "Result",
    "RewardModelJob",
    "RolloutJob",
    "StepJob",
    "TrainJob",
    "run_job",
]
