"""Word that a work item may go on."""

from django.dispatch import Signal

# Sent after commit with `item_id` and `run_id`: the last wanted answer of a question is in.
item_due = Signal()
