"""Answers that came after their question's effect was complete, and edits of counted ones: joined to the next backward.

1. Before feedback is carried back, each work item that has late answers is done once more beside itself, as a late item of
   the same effect: every stored call is used again, and only what the new answer changes is asked of a model.
2. When they are done, their feedback goes back together with the iteration's own, along the tapes of the outputs that it
   is about, and the iteration's step names the answers. What was counted before is not touched.
3. A counterfactual run does so in its first iteration with what its parent's step there counted late, without one person's.
"""

from __future__ import annotations

from collections import defaultdict

from django.db.models import Max, QuerySet
from django.db.models.functions import Now

from optimization.models import Effect, LateReading, Run, WorkItem, WorkState
from optimization.runs.events import event_emit
from optimization.runs.lending import is_lent_to, left_out, lent_late
from optimization.runs.results import outcomes_of

OVER = (WorkState.DONE, WorkState.FAILED)


def late_waiting(run: Run) -> QuerySet[LateReading]:
    """What came late and is not counted yet, in the order in which it came."""
    return LateReading.objects.filter(run=run, iteration=None).order_by("pk")


def late_counted(run: Run) -> QuerySet[LateReading]:
    """What came late and is counted by the step of the iteration under way."""
    return LateReading.objects.filter(run=run, iteration=run.iteration).order_by("pk")


def late_ready(run: Run) -> bool:
    """Whether everything that came late has been read; puts to work what has not. The caller holds the run's lock."""
    if is_lent_to(run):
        _lend(run)
    unread: dict[int, list[LateReading]] = defaultdict(list)
    for reading in late_waiting(run).filter(item=None).select_related("answer__request"):
        if reading.answer.request.item_id is not None:
            unread[reading.answer.request.item_id].append(reading)
    for item in WorkItem.objects.filter(pk__in=unread).select_related("effect"):
        _read_again(item, unread[item.pk])
    under_way = late_waiting(run).filter(item__isnull=False).exclude(item__state__in=OVER)
    return not under_way.exists() and not _lent_items(run).exclude(state__in=OVER).exists()


def _read_again(item: WorkItem, readings: list[LateReading]) -> None:
    """A late item that does the item's work with the newest version of all that came late to it, counted or not."""
    came = LateReading.objects.filter(answer__request__item=item).order_by("version")
    last = WorkItem.objects.filter(effect=item.effect).aggregate(last=Max("index"))["last"]
    late = WorkItem.objects.create(
        run_id=item.run_id,
        effect=item.effect,
        index=(last or 0) + 1,
        queue=item.queue,
        kind=item.kind,
        payload={
            **item.payload,
            "of": item.pk,
            "late": {str(reading.answer_id): reading.version for reading in came},
        },
        due_at=Now(),
        late=True,
        reopened=1,
    )
    LateReading.objects.filter(pk__in=[reading.pk for reading in readings]).update(item=late)


def _lent_items(run: Run) -> QuerySet[WorkItem]:
    """The late items for what the run is lent, in the order in which the parent's were made."""
    return WorkItem.objects.filter(run=run, effect__iteration=run.iteration, late=True, payload__has_key="at")


def _lend(run: Run) -> None:
    """A late item for each of the parent's that read something of those who stay."""
    if _lent_items(run).exists():
        return
    read: dict[int, dict[str, int]] = {}
    for reading in lent_late(run).select_related("answer__request").order_by("item_id"):
        if of := reading.answer.request.item_id:
            read.setdefault(of, _came_by_then(of, run))
    effect = run.effects.filter(iteration=run.iteration, kind="forward").last()
    if effect is None or not read:
        return
    originals = WorkItem.objects.select_related("effect").in_bulk(list(read))
    last = WorkItem.objects.filter(effect=effect).aggregate(last=Max("index"))["last"] or 0
    WorkItem.objects.bulk_create(
        WorkItem(
            run=run,
            effect=effect,
            index=index,
            queue=originals[of].queue,
            kind=originals[of].kind,
            payload={
                **originals[of].payload,
                "of": of,
                "late": late,
                "at": originals[of].stands_at,
                "without": sorted(left_out(run)),
            },
            due_at=Now(),
            late=True,
            reopened=1,
        )
        for index, (of, late) in enumerate(read.items(), last + 1)
    )


def _came_by_then(item: int, run: Run) -> dict[str, int]:
    """The newest version of each late answer to the item that was counted by the step at which the run begins."""
    came = LateReading.objects.filter(answer__request__item=item, iteration__lte=run.iteration)
    stay = came.exclude(answer__user__in=left_out(run)).order_by("version")
    return {str(reading.answer_id): reading.version for reading in stay}


def late_join(run: Run, row: Effect) -> None:
    """Let the feedback of what came late go back with that of the iteration, by the work item of its backward."""
    readings = list(late_waiting(run).filter(item__state__in=OVER))
    items = WorkItem.objects.filter(pk__in={reading.item_id for reading in readings}) | _lent_items(run)
    newest: dict[int, WorkItem] = {}
    for late in items.order_by("pk"):
        newest[late.payload["of"]] = late
    if not newest:
        return
    outcomes = [
        outcome.model_copy(update={"output": None}).model_dump(mode="json")
        for late in newest.values()
        if late.state == WorkState.DONE
        for outcome in outcomes_of(late)
    ]
    backward = WorkItem.objects.get(effect=row)
    backward.payload = {**backward.payload, "outcomes": backward.payload["outcomes"] + outcomes}
    backward.save(update_fields=["payload"])
    late_waiting(run).filter(pk__in=[reading.pk for reading in readings]).update(iteration=run.iteration)
    lent = lent_late(run) if is_lent_to(run) else ()
    answers = {reading.answer_id for reading in [*readings, *lent]}
    event_emit(run.pk, "late", {"iteration": run.iteration, "answers": len(answers)})
