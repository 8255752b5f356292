"""The optimisation core: values, parameters, modules, tapes, and feedback that travels backward through them."""

from optimization.core.active import FeedbackCollector, activate, activated, active_optimizer
from optimization.core.backward import BackwardContext, BackwardResult, ParameterFeedback, propagate
from optimization.core.constraints import Constraint, KeepPlaceholders, MaxLength, MustContain
from optimization.core.containers import ModuleDict, ModuleList, Sequential
from optimization.core.errors import (
    OptimizationError,
    ReleasedTapeError,
    ReplyError,
    TraceError,
    UnknownTapeError,
)
from optimization.core.executor import run
from optimization.core.inference import LLMInference
from optimization.core.module import Module
from optimization.core.parameter import Parameter
from optimization.core.payloads import combine_feedback, normalize_feedback_payload
from optimization.core.record import ForwardRecord
from optimization.core.tape import MemoryRegistry, TapeRegistry, current_registry, no_grad, use_registry
from optimization.core.template import Template
from optimization.core.training import TrainingStep
from optimization.core.values import Value, ValueKind, collect_tape_ids, unwrap, valueify

__all__ = [
    "BackwardContext",
    "BackwardResult",
    "Constraint",
    "FeedbackCollector",
    "ForwardRecord",
    "KeepPlaceholders",
    "LLMInference",
    "MaxLength",
    "MemoryRegistry",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MustContain",
    "OptimizationError",
    "Parameter",
    "ParameterFeedback",
    "ReleasedTapeError",
    "ReplyError",
    "Sequential",
    "TapeRegistry",
    "Template",
    "TraceError",
    "TrainingStep",
    "UnknownTapeError",
    "Value",
    "ValueKind",
    "activate",
    "activated",
    "active_optimizer",
    "collect_tape_ids",
    "combine_feedback",
    "current_registry",
    "no_grad",
    "normalize_feedback_payload",
    "propagate",
    "run",
    "unwrap",
    "use_registry",
    "valueify",
]
