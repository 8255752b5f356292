"""Said after a commit: a run may have something to do. Listeners only nudge; the sweeper finds what they miss."""

from django.dispatch import Signal

run_due = Signal()  # run_id
