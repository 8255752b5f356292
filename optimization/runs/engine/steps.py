"""The step: one transaction that accepts a candidate. All of it happens, once, or none."""

from __future__ import annotations

from optimization.models import Answer, Application, Candidate, Iteration, Run, Step
from optimization.runs.engine.candidates import changed_parameters
from optimization.runs.engine.faults import fault
from optimization.runs.engine.late import late_counted
from optimization.runs.events import event_emit
from optimization.runs.lending import is_lent_to, lent_answers, lent_late
from optimization.trainers.effects import Committed


def step_commit(run: Run, candidate_key: str) -> Committed:
    """Make the candidate the run's current one. The caller holds the run's lock and its transaction.

    The Step is UNIQUE (run, iteration, revision) and an Application (step, answer): what has been applied cannot be
    applied again.
    """
    fault("before_step")
    candidate = Candidate.objects.get(run=run, key=candidate_key)
    previous = Candidate.objects.get(run=run, key=run.trainer_state["candidate"])
    steps = Step.objects.filter(run=run, iteration=run.iteration)
    step = Step.objects.create(
        run=run,
        iteration=run.iteration,
        # An iteration that was begun anew after its step makes another one, declared as its revision.
        revision=steps.count(),
        candidate=candidate,
        previous=previous,
        optimizer_state=candidate.optimizer_state,
    )
    answers = Answer.objects.filter(
        request__run=run, request__iteration=run.iteration, request__item__isnull=False, late=False
    )
    lent = is_lent_to(run)
    used = [*answers, *(lent_answers(run) if lent else ())]
    Application.objects.bulk_create(Application(step=step, answer=answer) for answer in used)
    late = {reading.answer_id: reading for reading in [*(lent_late(run) if lent else ()), *late_counted(run)]}
    Application.objects.bulk_create(
        Application(step=step, answer=reading.answer, version=reading.version) for reading in late.values()
    )
    run.optimizer_state = candidate.optimizer_state
    run.revision += 1
    run.save(update_fields=["optimizer_state", "revision"])
    changed = changed_parameters(previous, candidate)
    total = candidate.versions.count()
    Iteration.objects.filter(run=run, number=run.iteration).update(
        changed=changed, note=f"{len(changed)} of {total} changed"
    )
    event_emit(run.pk, "step", {"iteration": run.iteration, "changed": changed})
    fault("after_step")
    return Committed(candidate=candidate_key, revision=step.revision)
