"""Everything that pages and REST read of runs, each subject in a file of its own."""

from __future__ import annotations

from optimization.models import Run, Workspace
from optimization.runs.changes import current_parameters, latest_changes, parameter_changes, parameter_history
from optimization.runs.curve import run_curve
from optimization.runs.iterations import run_iterations
from optimization.runs.late import late_answers
from optimization.runs.listing import RunRow, run_counts, run_rows, runs_page
from optimization.runs.outputs import iteration_outputs
from optimization.runs.people import run_people
from optimization.runs.reviews import review_changes, review_scores, review_waiting
from optimization.runs.status import run_status, run_statuses
from optimization.runs.usage import run_usage
from optimization.runs.waiting import runs_waiting

__all__ = [
    "RunRow",
    "current_parameters",
    "iteration_outputs",
    "late_answers",
    "latest_changes",
    "parameter_changes",
    "parameter_history",
    "review_changes",
    "review_scores",
    "review_waiting",
    "run_counts",
    "run_curve",
    "run_get",
    "run_iterations",
    "run_people",
    "run_rows",
    "run_status",
    "run_statuses",
    "run_usage",
    "runs_page",
    "runs_waiting",
]


def run_get(workspace: Workspace, run_id: int) -> Run:
    """Raises Run.DoesNotExist, for a foreign workspace's run too."""
    runs = Run.objects.select_related("program_version__program", "dataset_version__dataset", "created_by")
    return runs.get(workspace=workspace, pk=run_id)
