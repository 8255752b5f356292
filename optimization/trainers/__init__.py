"""Algorithms: what is judged, when a step is taken, and which update is kept."""

from optimization.trainers.agents import load_agent, save_agent
from optimization.trainers.events import Event, EventKind
from optimization.trainers.guide import Guide, standard_optimization_step
from optimization.trainers.minibatch import Minibatch, MinibatchAlgorithm
from optimization.trainers.pareto import ParetoSearch
from optimization.trainers.plan import Plan, PlanError
from optimization.trainers.search import BasicSearchAlgorithm
from optimization.trainers.stoppers import DollarLimit, NoImprovement, TargetScore, TimeLimit
from optimization.trainers.trainer import Steps, Trainer

TRAINERS: dict[str, type[Trainer]] = {
    kind.__name__: kind for kind in (MinibatchAlgorithm, Minibatch, BasicSearchAlgorithm, ParetoSearch)
}


__all__ = [
    "TRAINERS",
    "BasicSearchAlgorithm",
    "DollarLimit",
    "Event",
    "EventKind",
    "Guide",
    "Minibatch",
    "MinibatchAlgorithm",
    "NoImprovement",
    "ParetoSearch",
    "Plan",
    "PlanError",
    "Steps",
    "TargetScore",
    "TimeLimit",
    "Trainer",
    "load_agent",
    "save_agent",
    "standard_optimization_step",
]
