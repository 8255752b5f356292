"""Parameter versions, the candidates made of them, and the steps that accepted one."""

from __future__ import annotations

from django.db import models

from optimization.models.feedback import Answer
from optimization.models.runs import Run


class Origin(models.TextChoices):
    INITIAL = "initial"
    OPTIMIZER = "optimizer"
    PERSON = "person"
    MERGE = "merge"


class ParameterVersion(models.Model):
    """An immutable value of one parameter, written when it is proposed. `feedback` is what the optimizer was told."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="parameter_versions")
    name = models.CharField(max_length=160)
    number = models.PositiveIntegerField()
    value = models.TextField()
    description = models.TextField(blank=True)
    origin = models.CharField(max_length=12, choices=Origin.choices)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    iteration = models.PositiveIntegerField(default=0)
    feedback = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "name", "number"], name="one_parameter_version_per_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


class Candidate(models.Model):
    """A full set of parameter values, known to the trainer by `key` ("initial" is the program's own).

    `optimizer_state` is what the optimizer's state becomes if this candidate is committed.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="candidates")
    key = models.CharField(max_length=80)
    iteration = models.PositiveIntegerField(default=0)
    versions = models.ManyToManyField(ParameterVersion, related_name="candidates")
    optimizer_state = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="one_candidate_per_key")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.key}"


class Step(models.Model):
    """The set accepted by an iteration, with the optimizer's state after it; a revision is a declared second one."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="steps")
    iteration = models.PositiveIntegerField()
    revision = models.PositiveIntegerField(default=0)
    candidate = models.ForeignKey(Candidate, models.PROTECT, related_name="steps")
    previous = models.ForeignKey(Candidate, models.PROTECT, null=True, related_name="+")
    optimizer_state = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "iteration", "revision"], name="one_step_per_iteration_revision"
            ),
        ]

    def __str__(self) -> str:
        return f"step {self.iteration}.{self.revision} of run {self.run_id}"


class Application(models.Model):
    """This answer was used by this step, once; of an edited one, the `version` that was read, where it came late."""

    step = models.ForeignKey(Step, models.CASCADE, related_name="applications")
    answer = models.ForeignKey(Answer, models.PROTECT, related_name="applications")
    version = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "answer"], name="an_answer_applies_once")]

    def __str__(self) -> str:
        return f"answer {self.answer_id} in step {self.step_id}"
