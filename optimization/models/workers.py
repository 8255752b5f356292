"""What worker processes let be known of themselves."""

from __future__ import annotations

from django.db import models


class WorkerPulse(models.Model):
    """The last sign of life of one process of a worker, by the database's clock.

    `worker` is the worker's name with its host ("llm@mill"). `doing` says in a few words what the process is at while it
    holds work, whose loop then renews the sign; it is empty while it waits for some.
    """

    worker = models.CharField(max_length=160)
    pid = models.PositiveIntegerField()
    doing = models.CharField(max_length=160, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "pid"], name="one_pulse_per_process")]

    def __str__(self) -> str:
        return f"{self.worker} {self.pid} at {self.at}"
