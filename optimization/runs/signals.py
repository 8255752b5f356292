"""Said after a commit: a run may have something to do, or is to be replayed. Listeners only nudge."""

from django.dispatch import Signal

run_due = Signal()  # run_id
replay_wanted = Signal()  # run_id
