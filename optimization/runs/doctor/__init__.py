"""The doctor: every invariant of the runs in a database, checked; each breach in words; repaired where that is safe.

A repair writes only under the very condition by which the breach was found, so that it may run beside workers. What
would need a guess is never repaired: it is said, with what a person can do.
"""

from optimization.runs.doctor.examination import CHECKS, Examination, examine
from optimization.runs.doctor.findings import Finding

__all__ = ["CHECKS", "Examination", "Finding", "examine"]
