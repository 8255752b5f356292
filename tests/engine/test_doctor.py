"""The doctor finds every breach that a database can have, says it in words, and mends what is safe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from optimization.models import (
    Answer,
    Application,
    Call,
    Candidate,
    Effect,
    FeedbackRequest,
    Iteration,
    Run,
    RunEvent,
    Step,
    Tape,
    WorkItem,
)
from optimization.runs.doctor import CHECKS, examine
from tests.engine.loop import answer_all, play, work
from tests.engine.test_loop import strict
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]
LONG_AGO = timedelta(hours=1)


class Breach(NamedTuple):
    """How a database is broken, what the doctor must say, and whether it can mend it."""

    breaks: Callable[[Run], Any]
    says: str
    mends: bool = False


def items(run: Run, **which: Any) -> Any:
    return WorkItem.objects.filter(run=run, **which)


def of(run: Run, model: Any, **which: Any) -> Any:
    return model.objects.filter(run=run, **which)


def answer_all_of(request: FeedbackRequest) -> None:
    """Its answer is there, and nothing came of it."""
    user = User.objects.create(username="late")
    Answer.objects.create(request=request, user=user, client_key="late", body={"kind": "rubric", "score": 1})


# Of a run whose first iteration is done and whose second waits for people.
UNDER_WAY = [
    Breach(lambda run: of(run, RunEvent).first().delete(), "events were numbered, and"),
    Breach(
        lambda run: Run.objects.filter(pk=run.pk).update(event_seq=3),
        "Its next event would be numbered 4",
        True,
    ),
    Breach(
        lambda run: Run.objects.filter(pk=run.pk).update(budget=1, spent=0), "and it counts $0.0000 as", True
    ),
    Breach(
        lambda run: Run.objects.filter(pk=run.pk).update(budget="0.0001", spent=5),
        "It has spent $5.0000 of a budget of $0.0001.",
    ),
    Breach(
        lambda run: items(run, state="done", kind="forward").update(settled=F("fence") - 1),
        "was ended by the holder of its lease number",
    ),
    Breach(lambda run: Run.objects.filter(pk=run.pk).update(reserved=-1), "$-1.0000 as set aside"),
    Breach(
        lambda run: Run.objects.filter(pk=run.pk).update(budget=9, reserved=0.5),
        "It has set $0.5000 aside, and calls under way account for $0.0000.",
        True,
    ),
    Breach(
        lambda run: Run.objects.filter(pk=run.pk).update(finished_at=Now()), "and says when it ended", True
    ),
    Breach(lambda run: Run.objects.filter(pk=run.pk).update(state="paused", reason=""), "gives no reason"),
    Breach(
        lambda run: of(run, Iteration, number=0).update(finished_at=None),
        "Iteration 1 lies behind it and is not over.",
    ),
    Breach(lambda run: of(run, Iteration, number=0).delete(), "numbered 1: some are missing"),
    Breach(lambda run: of(run, Iteration, number=0).update(state={"cursor": 2}), "Iteration 1: Effect 1"),
    Breach(
        lambda run: of(run, Iteration, number=1).update(state={"candidate": "initial", "cursor": 1}),
        "Iteration 1 ends in another state than the one that is stored.",
    ),
    Breach(
        lambda run: of(run, Effect, iteration=0, kind="forward").update(digest="0"),
        "the algorithm now asks for a forward with other arguments",
    ),
    Breach(
        lambda run: of(run, Effect, iteration=0, kind="commit").update(ordinal=9),
        "The effects of iteration 1 are numbered",
    ),
    Breach(
        lambda run: of(run, Effect, iteration=0, kind="commit").update(done_at=None),
        "The commit of iteration 1 was left without a result.",
    ),
    Breach(
        lambda run: (
            items(run, effect__iteration=0, kind="backward").update(result={"draft": ["Other."]})
            and items(run, effect__iteration=0, kind="forward").update(result={"example": 0, "score": 0.9})
        ),
        "Iteration 1, forward: its result is not what its work items hold.",
    ),
    Breach(lambda run: of(run, Step).delete(), "The journal of iteration 1 commits, and there is no step."),
    Breach(
        lambda run: of(run, Step).update(candidate=of(run, Candidate).get(key="initial")),
        "and its step accepts initial.",
    ),
    Breach(
        lambda run: Application.objects.create(step=of(run, Step).get(), answer=_answer_of(run, iteration=1)),
        "which is of iteration 2",
    ),
    Breach(
        lambda run: items(run, state="waiting").update(state="leased", lease_until=Now() - LONG_AGO),
        "was not swept: no sweeper runs.",
        True,
    ),
    Breach(
        lambda run: items(run, state="waiting").update(state="leased", lease_until=None),
        "is leased without an end.",
        True,
    ),
    Breach(
        lambda run: items(run, state="done").update(lease_until=Now() + LONG_AGO),
        "is done and still bears a lease.",
        True,
    ),
    Breach(lambda run: items(run, state="done").update(fence=0), "has a result, and nobody ever held it."),
    Breach(lambda run: items(run, state="waiting").update(result={}), "is waiting and has a result already."),
    Breach(lambda run: items(run, state="done").update(done_at=None), "does not say since when.", True),
    Breach(
        lambda run: of(run, FeedbackRequest, state="open").update(state="answered"),
        "waits for people, and its questions are answered.",
        True,
    ),
    Breach(
        lambda run: of(run, FeedbackRequest, state="open").delete(), "and nobody was asked anything.", True
    ),
    Breach(
        lambda run: items(run, state="waiting").update(state="due", due_at=Now() - LONG_AGO),
        "nobody takes them: is a worker running?",
    ),
    Breach(
        lambda run: answer_all_of(of(run, FeedbackRequest, state="open").first()),
        "has its 1 answer and is still open.",
        True,
    ),
    Breach(
        lambda run: Run.objects.filter(pk=run.pk).update(state="finished", finished_at=Now()),
        "It is over, and 2 questions of it still wait for people.",
        True,
    ),
    Breach(
        lambda run: Run.objects.filter(pk=run.pk).update(state="cancelled", finished_at=None),
        "is cancelled and does not say since when.",
        True,
    ),
    Breach(
        lambda run: of(run, FeedbackRequest, state="open").update(taken=1),
        "1 places of question",
        True,
    ),
    Breach(
        lambda run: of(run, Candidate).get(key="0.3.0").versions.clear(),
        "Its candidate 0.3.0 has no version of draft.system_prompt, refine.system_prompt.",
    ),
    Breach(
        lambda run: (
            of(run, Candidate)
            .get(key="0.3.0")
            .versions.add(*of(run, Candidate).get(key="initial").versions.all())
        ),
        "has two versions of draft.system_prompt.",
    ),
    Breach(
        lambda run: Run.objects.filter(pk=run.pk).update(trainer_state={"candidate": "gone"}),
        "It stands at the candidate gone, which is not there.",
    ),
]


def _answer_of(run: Run, iteration: int) -> Answer:
    request = of(run, FeedbackRequest, iteration=iteration)[0]
    return Answer.objects.create(
        request=request, user=User.objects.get(username="ines"), client_key="early", body={}
    )


@contextmanager
def broken(breach: Breach, run: Run) -> Iterator[None]:
    """The breach, undone afterwards."""
    with transaction.atomic():
        breach.breaks(run)
        yield
        transaction.set_rollback(True)


def said(repair: bool = False) -> list[str]:
    return [finding.sentence for finding in examine(repair=repair).findings]


def test_it_finds_each_breach_and_mends_what_is_safe(
    launch: Launch, annotator: User, process: Process, small_dataset: str
) -> None:
    trainer = {"name": "MinibatchAlgorithm", "args": {"batch_size": 2}}
    run = launch(iterations=2, dataset=small_dataset, trainer=trainer)
    work(run, process)
    answer_all(run, annotator, strict)
    work(run, process)
    assert said() == []

    for breach in UNDER_WAY:
        with broken(breach, run):
            found = said(repair=True)
            mine = [sentence for sentence in found if breach.says in sentence]
            assert mine, (breach.says, found)
            assert all(sentence.endswith(" Repaired.") == breach.mends for sentence in mine), mine
            if breach.mends:
                assert not any(breach.says in sentence for sentence in said()), breach.says
    assert said() == []

    items(run, effect__iteration=1, state="waiting").update(
        state="done", fence=5, result={"tape": "gone", "example": 0}
    )
    assert any("its tape is missing" in sentence for sentence in said())
    assert Tape.objects.count() == 2


def test_its_exit_code_says_whether_all_is_well(
    launch: Launch, annotator: User, process: Process, small_dataset: str
) -> None:
    run = play(launch(iterations=1, dataset=small_dataset), annotator, strict, process)
    out = StringIO()
    call_command("runs", "doctor", stdout=out)
    assert out.getvalue() == f"{len(CHECKS)} checks of 1 run: all is well.\n"

    Run.objects.filter(pk=run.pk).update(finished_at=None)
    with pytest.raises(
        CommandError, match=r"1 of what was found is left\. 1 can be repaired: add --repair\."
    ):
        call_command("runs", "doctor", str(run.pk), stdout=out)
    call_command("runs", "doctor", "--repair", stdout=out)
    assert out.getvalue().endswith("all is well, 1 repaired.\n")
    run.refresh_from_db()
    assert run.finished_at == run.state_since
    call_command("runs", "doctor", "--list", stdout=out)
    assert "- leases are held by somebody" in out.getvalue()


def test_it_misses_a_constraint_that_the_database_no_longer_has(
    launch: Launch, process: Process, small_dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_key = next(c for c in Call._meta.constraints if c.name == "one_response_per_key")
    run = launch(iterations=1, dataset=small_dataset)
    work(run, process)
    with monkeypatch.context() as without, connection.schema_editor() as editor:
        without.setattr(Call._meta, "constraints", [])
        editor.remove_constraint(Call, by_key)
    call = of(run, Call)[0]
    try:
        call.pk = None
        call.save()
        assert said()[0] == (
            "The table of calls lacks the constraint one_response_per_key, and 1 of its keys (run, key) are there more "
            "than once. Stop the workers, remove what breaks it, and restore it from the schema."
        )
    finally:
        call.delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Call, by_key)
