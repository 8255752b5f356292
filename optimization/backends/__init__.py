"""Backend-first training: `result = await backend.train(model, groups, learning_rate=...)`.

A model is a specification; a backend owns its training, and spells out the arguments that it knows. Imports without
torch: what computes runs in a child process, or on another machine.
"""

from __future__ import annotations

from optimization.backends.arguments import arguments_schema, check_arguments
from optimization.backends.backend import TrainableBackend, TrainResult
from optimization.backends.local import LocalBackend
from optimization.backends.model import TrainableModel, TrainConfig
from optimization.backends.serverless import ServerlessBackend
from optimization.backends.sinks import FileSink, Sink, WandbSink
from optimization.backends.tinker import TinkerBackend
from optimization.backends.trajectories import Trajectory, TrajectoryGroup

BACKENDS = {backend.__name__: backend for backend in (LocalBackend, ServerlessBackend, TinkerBackend)}

__all__ = [
    "BACKENDS",
    "FileSink",
    "LocalBackend",
    "ServerlessBackend",
    "Sink",
    "TinkerBackend",
    "TrainConfig",
    "TrainResult",
    "TrainableBackend",
    "TrainableModel",
    "Trajectory",
    "TrajectoryGroup",
    "WandbSink",
    "arguments_schema",
    "check_arguments",
]
