"""This trainer on the task of benchmarks/policy.py, in a process of its own: the same arguments as TRL's contender."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from benchmarks.policy import ours

if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    print(json.dumps(ours(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[4]))))
