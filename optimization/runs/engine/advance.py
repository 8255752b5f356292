"""`advance(run_id)`: look at the rows of a run and do what is missing.

Running it at any time, any number of times, from anywhere, is harmless:

1. While work of the current iteration is open, there is nothing to do but to say what the run waits for.
2. Otherwise the iteration's generator is replayed with the journalled results, up to the effects it asks for next.
3. Effects without a row are written down with their work items; finished ones get their result; a commit is a step.
4. At the generator's end, the new state is stored with the run and the next iteration begins.

Each pass is one short transaction under the run's lock; no network call and no model code runs in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat, Now

from optimization.feedback.services import requests_left_withdraw
from optimization.models import Activity, Candidate, Iteration, Run, RunKind, RunState, WorkItem, WorkState
from optimization.models import Effect as EffectRow
from optimization.models.copied import rows_like
from optimization.runs.assembly import loss_made
from optimization.runs.config import RunConfig
from optimization.runs.engine.candidates import candidate_merge, changed_parameters
from optimization.runs.engine.deadlines import deadlines_carry_out, people_of
from optimization.runs.engine.expansion import gather, payloads, read_result, write_result
from optimization.runs.engine.faults import fault
from optimization.runs.engine.late import late_join, late_ready
from optimization.runs.engine.pins import drift
from optimization.runs.engine.replay import Ended, JournalMismatch, Pending, replay
from optimization.runs.engine.reverts import reverts_apply
from optimization.runs.engine.reviews import rejection_words, review_open
from optimization.runs.engine.scores import score_record
from optimization.runs.engine.steps import step_commit
from optimization.runs.engine.stopping import stopped
from optimization.runs.engine.trainers import trainer_for
from optimization.runs.events import event_emit
from optimization.runs.kinds import config_of
from optimization.runs.policy.expansion import QUEUES as POLICY_QUEUES
from optimization.runs.policy.expansion import policy_payloads, policy_result
from optimization.runs.states import run_move
from optimization.trainers.effects import Approve, Backward, Commit, Effect, Merge, Proposal, TrainerState
from optimization.trainers.guide import comparing
from optimization.trainers.late import LATE_ANSWERS
from optimization.trainers.policy_effects import PolicyEffect

log = structlog.get_logger()

OPEN = (WorkState.DUE, WorkState.LEASED, WorkState.WAITING)
QUEUES = POLICY_QUEUES | {
    **{"forward": "llm", "evaluate": "llm", "backward": "llm", "propose": "llm"},
    "approve": "people",
}


def advance(run_id: int) -> None:
    """Bring the run as far as its rows allow."""
    fault("before_advance")
    while _advance_once(run_id):
        fault("after_advance")


@transaction.atomic
def _advance_once(run_id: int) -> bool:
    """One pass; True if something was done and another may find more."""
    run = Run.objects.select_for_update(of=("self",)).get(pk=run_id)
    if run.state != RunState.RUNNING:
        return False
    if deadlines_carry_out(run) and run.state != RunState.RUNNING:
        return False
    if _waits(run):
        return False
    if problem := drift(run):
        run_move(run, RunState.NEEDS_ATTENTION, problem)
        return False
    rows = {row.ordinal: row for row in run.effects.filter(iteration=run.iteration)}
    try:
        found = replay(trainer_for(run), TrainerState.model_validate(run.trainer_state), rows, read_result)
    except JournalMismatch as mismatch:
        run_move(run, RunState.NEEDS_ATTENTION, str(mismatch))
        return False
    except Exception as error:
        log.exception("algorithm_raised", run=run.pk)
        run_move(run, RunState.NEEDS_ATTENTION, _stopped(run, error))
        return False
    if isinstance(found, Ended):
        return _iteration_end(run, found.state)
    return _carry_on(run, found, rows)


def _stopped(run: Run, error: Exception) -> str:
    """Why an algorithm that raised cannot go on; it is pure, so that the same would happen again."""
    name = run.config["trainer"]["name"]
    return f"The algorithm {name} cannot go on: {error} Nothing was applied; cancel the run and launch it otherwise."


def _waits(run: Run) -> bool:
    """Whether work is open; keeps the run's activity, by which lists filter."""
    states = set(
        WorkItem.objects.filter(run=run, state__in=OPEN, effect__iteration=run.iteration)
        .values_list("state", flat=True)
        .distinct()
    )
    activity = Activity.NONE
    if states:
        activity = Activity.PEOPLE if states == {WorkState.WAITING} else Activity.MODELS
    if activity != run.activity:
        Run.objects.filter(pk=run.pk).update(activity=activity)
        event_emit(run.pk, "activity", {"activity": activity})
    return bool(states)


def _carry_on(run: Run, pending: Pending, rows: dict[int, EffectRow]) -> bool:
    """Write down the effects that are new and finish those whose work is done."""
    _iteration_begin(run)
    for ordinal, effect in enumerate(pending.effects, pending.ordinal):
        row = rows.get(ordinal)
        if row is None:
            if isinstance(effect, Backward) and not late_ready(run):
                return False
            row = _effect_start(run, effect, ordinal)
        if row.done_at is None and not row.work.filter(state__in=OPEN).exists():
            if problem := _all_failed(run, row):
                run_move(run, RunState.NEEDS_ATTENTION, problem)
                return False
            _effect_finish(run, effect, row)
    return True


def _all_failed(run: Run, row: EffectRow) -> str | None:
    """In words that every example raised, where there were several and errors have no score: they tell of no prompt."""
    if config_of(run).trainer.args.get("min_score") is not None:
        return None
    errors = row.work.filter(state=WorkState.FAILED).order_by("index").values_list("last_error", flat=True)
    if len(errors) < 2 or row.work.exclude(state=WorkState.FAILED).exists():
        return None
    return (
        f"All {len(errors)} outputs failed. The first said: {errors[0]} Once the cause is mended, press Retry: everything "
        "stored so far is kept."
    )


def _effect_start(run: Run, effect: Effect, ordinal: int) -> EffectRow:
    row = EffectRow.objects.create(
        run=run, iteration=run.iteration, ordinal=ordinal, kind=effect.kind, digest=effect.digest()
    )
    if parts := _parts(run, effect):
        _work_add(run, row, parts)
    if isinstance(effect, Backward):
        late_join(run, row)
    if isinstance(effect, Approve):
        review_open(row, effect.proposal, people_of(run).within)
    event_emit(run.pk, "effect", {"iteration": run.iteration, "kind": effect.kind})
    return row


def _work_add(run: Run, row: EffectRow, parts: Sequence[Mapping[str, Any]]) -> None:
    item = WorkItem(
        run=run,
        effect=row,
        queue=QUEUES[row.kind],
        kind=row.kind,
        due_at=Run.objects.values_list(Now(), flat=True).get(pk=run.pk),
        reopened=int(run.restarted == run.iteration),
    )
    rows_like(item, [{"index": index, "payload": part} for index, part in enumerate(parts)])


def _parts(run: Run, effect: Effect) -> list[dict[str, Any]]:
    """What is to be done for the effect, a work item each."""
    config = config_of(run)
    if not isinstance(config, RunConfig):
        return policy_payloads(run, effect)
    return payloads(
        effect,
        people=config.people.per_iteration,
        together=comparing(effect, loss_made(config.loss_at(run.iteration, effect.kind))) is not None,
    )


def _effect_finish(run: Run, effect: Effect, row: EffectRow) -> None:
    match effect:
        case Commit():
            result: object = step_commit(run, effect.candidate)
        case Merge():
            result = _merge(run, effect, row)
        case PolicyEffect():
            result = policy_result(run, effect, row)
        case _:
            items = row.work.order_by("index").only("effect", "state", "result", "payload", "last_error")
            result = gather(effect, list(items))
    score_record(run, effect, result)
    EffectRow.objects.filter(pk=row.pk, done_at=None).update(
        result=write_result(effect, result), done_at=Now()
    )
    event_emit(run.pk, "effect_done", {"iteration": run.iteration, "kind": effect.kind})


def _merge(run: Run, effect: Merge, row: EffectRow) -> Proposal:
    present = Candidate.objects.get(run=run, key=effect.candidate)
    merged = candidate_merge(effect=row, present=present, take=dict(effect.take))
    return Proposal(candidate=merged.key, changed=tuple(changed_parameters(present, merged)))


def _iteration_begin(run: Run) -> None:
    Iteration.objects.get_or_create(
        run=run, number=run.iteration, defaults={"state": run.trainer_state, "started_at": Now()}
    )


def _iteration_end(run: Run, state: TrainerState) -> bool:
    """Store the state, and begin the next iteration or finish the run."""
    iteration = Iteration.objects.filter(run=run, number=run.iteration)
    if run.kind == RunKind.PROMPTS and run.trainer_state.get("candidate") == state.candidate:
        iteration.update(note=rejection_words(run) or "kept, no gain")
    if LATE_ANSWERS in run.trainer_state.get("memory", {}):
        iteration.update(note=Concat(Value("late answers alone: "), "note"))
    iteration.update(finished_at=Now())
    if run.reverts.filter(step=None).exists():
        state = reverts_apply(run, run.iteration, state)
    if run.restarted == run.iteration:
        requests_left_withdraw(run=run)
    run.iteration += 1
    run.trainer_state = state.model_dump(mode="json")
    run.save(update_fields=["iteration", "trainer_state"])
    event_emit(run.pk, "iteration", {"iteration": run.iteration})
    config = config_of(run)
    over = trainer_for(run).finished(state) or stopped(run, state)
    if run.iteration >= config.iterations:
        over = f"Finished after {run.iteration} iteration{'s' if run.iteration != 1 else ''}."
    if over:
        run_move(run, RunState.FINISHED, over)
    return not over
