"""The loop, end to end, in one process: launched, judged, carried back, stepped, scored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.models import (
    Activity,
    Answer,
    Application,
    Call,
    Candidate,
    FeedbackRequest,
    Iteration,
    ParameterVersion,
    Run,
    RunState,
    Score,
    Step,
    WorkItem,
    WorkState,
)
from optimization.runs.engine.advance import advance
from optimization.runs.services import run_cancel, run_pause, run_resume
from tests.engine.loop import answer_all, play, work
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]


WISHES = {
    "HB-": "Name the order number",
    "sorry": "Apologise for the trouble",
    "is what we have done": "Say what has been done about it",
    "March": "Give the date when it will be settled",
    "Dear": "Greet the customer by name",
}


def strict(question: dict[str, Any]) -> dict[str, Any]:
    """A person who looks for five things in every reply and asks for the first two that are missing."""
    missing = [remark for sign, remark in WISHES.items() if sign not in question["output"]]
    return {
        "kind": "rubric",
        "score": 5 if not missing else 1,
        "improvements": missing[:2] or ["Keep it as it is"],
    }


def test_a_run_waits_for_people_and_says_so(launch: Launch, process: Process) -> None:
    run = launch()

    work(run, process)

    run.refresh_from_db()
    assert (run.state, run.activity) == (RunState.RUNNING, Activity.PEOPLE)
    assert FeedbackRequest.objects.filter(run=run, state="open").count() == 3
    assert not WorkItem.objects.filter(run=run, state=WorkState.LEASED).exists()


def test_answers_travel_back_and_the_prompts_get_better(
    launch: Launch, annotator: User, process: Process
) -> None:
    run = play(launch(), annotator, strict, process)

    assert run.state == RunState.FINISHED, run.reason
    assert run.iteration == 3
    scores = list(Score.objects.filter(run=run).order_by("position").values_list("mean", flat=True))
    assert len(scores) == 4
    assert scores[-1] > scores[0]
    final = Candidate.objects.get(run=run, key=run.trainer_state["candidate"])
    assert any("order" in version.value.lower() for version in final.versions.all())
    assert Answer.objects.filter(request__run=run).count() == 9


def test_every_answer_is_applied_once_to_the_step_of_its_iteration(
    launch: Launch, annotator: User, process: Process
) -> None:
    run = play(launch(iterations=2), annotator, strict, process)

    steps = list(Step.objects.filter(run=run).order_by("iteration"))
    assert [step.iteration for step in steps] == [0, 1]
    for step in steps:
        applied = Application.objects.filter(step=step)
        assert applied.count() == 3
        assert {a.answer.request.iteration for a in applied.select_related("answer__request")} == {
            step.iteration
        }


def test_a_new_version_remembers_what_the_optimizer_was_told(
    launch: Launch, annotator: User, process: Process
) -> None:
    run = play(launch(iterations=1), annotator, strict, process)

    version = ParameterVersion.objects.filter(run=run, origin="optimizer").first()
    assert version is not None
    assert version.parent is not None
    assert any("order number" in text for text in version.feedback)


def test_no_call_is_made_twice_when_people_have_answered(
    launch: Launch, annotator: User, process: Process
) -> None:
    run = launch(iterations=1)
    work(run, process)
    before = set(Call.objects.filter(run=run, key__contains="/forward/").values_list("key", flat=True))

    answer_all(run, annotator, strict)
    work(run, process)

    after = set(Call.objects.filter(run=run, key__contains="/forward/").values_list("key", flat=True))
    assert before == after
    assert len(before) == 3 * 2


def test_advancing_again_and_again_changes_nothing(launch: Launch, process: Process) -> None:
    run = launch()
    work(run, process)
    before = list(WorkItem.objects.values_list("pk", "state", "fence"))

    for _ in range(5):
        advance(run.pk)

    assert list(WorkItem.objects.values_list("pk", "state", "fence")) == before


def test_a_paused_run_keeps_answers_and_goes_on_where_it_stood(
    launch: Launch, annotator: User, operator: User, process: Process
) -> None:
    run = launch(iterations=1)
    work(run, process)
    run_pause(run=run, user=operator)
    answer_all(run, annotator, strict)
    work(run, process)
    assert Step.objects.filter(run=run).count() == 0

    run_resume(run=run, user=operator)
    work(run, process)

    run.refresh_from_db()
    assert (run.state, run.reason) == (RunState.FINISHED, "Finished after 1 iteration.")


def test_a_cancelled_run_withdraws_its_questions_and_does_no_more(
    launch: Launch, annotator: User, operator: User, process: Process
) -> None:
    run = launch()
    work(run, process)

    run_cancel(run=run, user=operator)

    assert answer_all(run, annotator, strict) == 0
    calls = Call.objects.count()
    work(run, process)
    assert Call.objects.count() == calls


def test_iterations_keep_their_scores_and_say_what_they_changed(
    launch: Launch, annotator: User, process: Process
) -> None:
    run = play(launch(iterations=1), annotator, strict, process)

    iteration = Iteration.objects.get(run=run)
    assert iteration.train_score is not None
    assert iteration.finished_at is not None
    assert iteration.note.endswith("of 2 changed")
    assert iteration.changed
