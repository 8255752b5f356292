"""What is written many rows at a time stands there as if each had been written by itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.forms import model_to_dict

from optimization.models import Call, Tape, WorkItem
from optimization.models.copied import rows_add, rows_like
from optimization.runs.engine.leases import settle_all, take
from tests.engine.rows import make_effect, make_item, make_run

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = 'Tab\there, "quotes", a \\ backslash, \\N, \\., a line\nand ünïcödé 😀; %s {} $1'
RESULTS: list[Any] = [
    {"output": WORDS, "score": 0.1, "nested": {"1": [None, True, 1e-9]}},
    [{"score": 1}, {"score": 2}],
    None,
    "text",
    2.5,
    False,
]


def calls(item: WorkItem, *keys: str) -> list[Call]:
    request = {"messages": [{"role": "user", "content": WORDS}], "max_tokens": None}
    return [
        Call(
            run=item.run, item=item, key=key, iteration=0, digest="d", request=request, text=WORDS, cost=1e-7
        )
        for key in keys
    ]


def plain(call: Call) -> dict[str, Any]:
    return model_to_dict(call, exclude=["id", "key"])


def test_rows_are_as_the_orm_stores_them() -> None:
    item = make_item(make_effect(make_run()))
    rows_add(Call, calls(item, "one", "two"))
    (orms,) = calls(item, "three")
    orms.save()

    stored = Call.objects.order_by("pk")

    assert [call.key for call in stored] == ["one", "two", "three"]
    assert plain(stored[0]) == plain(stored[1]) == plain(stored[2])
    assert all(call.created_at and call.endpoint is None for call in stored)


def test_a_row_with_a_key_of_its_own_keeps_it() -> None:
    run = make_run()
    rows_add(
        Tape,
        [Tape(id="a tape", run=run, iteration=0, candidate="initial", split="train", example=0, record={})],
    )
    assert Tape.objects.get().pk == "a tape"


def test_rows_like_one_another_differ_in_what_is_said() -> None:
    effect = make_effect(make_run())
    made = make_item(effect, 0)
    pattern = WorkItem(
        run=effect.run, effect=effect, queue="llm", kind="forward", due_at=made.due_at, reopened=1
    )

    rows_like(pattern, [{"index": 1, "payload": {"said": WORDS}}, {"index": 2, "payload": {}}])

    stored = WorkItem.objects.filter(reopened=1).order_by("index")
    assert [(item.index, item.payload) for item in stored] == [(1, {"said": WORDS}), (2, {})]
    same = [model_to_dict(item, exclude=["id", "index", "payload"]) for item in stored]
    assert same == [model_to_dict(pattern, exclude=["id", "index", "payload"])] * 2
    assert all(item.created_at for item in stored)


def test_no_rows_are_no_statement(django_assert_num_queries: Any) -> None:
    made = make_item(make_effect(make_run()))
    with django_assert_num_queries(0):
        rows_add(Tape, [])
        rows_like(made, [])


def test_rows_of_which_one_is_there_already_are_refused_together() -> None:
    item = make_item(make_effect(make_run()))
    rows_add(Call, calls(item, "one"))
    with pytest.raises(IntegrityError), transaction.atomic():
        rows_add(Call, calls(item, "two", "one"))
    assert Call.objects.count() == 1


def test_each_item_has_its_own_result_whatever_that_is() -> None:
    effect = make_effect(make_run())
    for index in range(len(RESULTS)):
        make_item(effect, index)
    items = take(kinds=["forward"], run_id=effect.run_id, limit=len(RESULTS))

    assert settle_all(list(zip(items, RESULTS, strict=True))) == [True] * len(items)

    done = WorkItem.objects.order_by("index")
    assert [item.result for item in done] == RESULTS
    assert [item.settled for item in done] == [item.fence for item in items]
    assert [item.index for item in done.filter(result__isnull=True)] == [2]
