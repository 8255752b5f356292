"""Limits of endpoints, shared by all workers through Redis; without Redis each process keeps to its share."""

from optimization.runs.limits.shared import SharedLimits

__all__ = ["SharedLimits"]
