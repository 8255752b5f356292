"""Optimizers: from the feedback that reached the parameters to their next values."""

from optimization.optimizers.optimizer import Optimizer, Proposal
from optimization.optimizers.settings import Settings, SettingsError
from optimization.optimizers.sfa import SFAOptimizer
from optimization.optimizers.tgd import TGDOptimizer

OPTIMIZERS: dict[str, type[Optimizer]] = {kind.__name__: kind for kind in (SFAOptimizer, TGDOptimizer)}

__all__ = ["OPTIMIZERS", "Optimizer", "Proposal", "SFAOptimizer", "Settings", "SettingsError", "TGDOptimizer"]
