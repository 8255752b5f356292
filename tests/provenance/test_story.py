"""From a sentence to the answers behind it, and from an answer to the sentences that came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.models import Answer, Application, Call, Run
from optimization.runs.provenance import became_of, version_found, version_story
from optimization.runs.selectors import current_parameters
from optimization.runs.services import run_cancel, run_fork
from tests.engine.loop import answer_all, play, work
from tests.engine.test_loop import strict
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)


def test_both_ways(launch: Callable[..., Run], annotator: User, operator: User, process: Process) -> None:
    run = play(launch(iterations=2), annotator, strict, process)
    version = max(current_parameters(run), key=lambda one: one.number)

    story = version_story(run, version)

    assert [sentence.text for sentence in story.sentences if sentence.text not in version.value] == []
    first, *others = reversed(story.brought)
    assert first.is_initial
    assert not first.causes
    assert others, "nothing was brought"
    for brought in others:
        answers = Answer.objects.filter(request__run=run, request__iteration=brought.version.iteration)
        assert set(brought.answers) == set(answers.values_list("pk", flat=True))
        assert {cause.answer for cause in brought.causes} <= set(brought.answers)
        assert {cause.user for cause in brought.causes} == {annotator.pk}
        assert brought.people == ("ines",)
        calls = Call.objects.in_bulk([call.id for call in brought.calls])
        assert {call.iteration for call in calls.values()} == {brought.version.iteration}
        assert {"aggregate", "update", "draft", "refine"} & {call.purpose for call in brought.calls}
        assert brought.after is not None

        answer = answers.get(pk=next(cause.answer for cause in brought.causes))
        use = became_of(answer).uses[0]
        assert use.step == brought.step
        assert (use.before, use.after) == (brought.before, brought.after)
        mine = next(words for words in use.changes if words.change.name == version.name)
        here = {sentence.text for sentence in story.sentences if sentence.brought is brought}
        assert here == set(mine.standing)

    # A fork tells the past that it shares.
    fork = run_fork(run=run, user=operator, iteration=2, iterations=3)
    assert version_found(fork, version.pk) == version
    assert version_story(fork, version).brought[0].run == run
    assert version_found(fork, Application.objects.count() + 10_000) is None


def test_an_answer_that_no_step_has_used_says_why(
    launch: Callable[..., Run], annotator: User, operator: User, process: Process
) -> None:
    def content(question: dict[str, Any]) -> dict[str, Any]:
        return {"kind": "rubric", "score": 5, "improvements": ["Keep it as it is"]}

    run = launch(iterations=1)
    work(run, process)
    answer_all(run, annotator, content)
    answer = Answer.objects.filter(request__run=run).select_related("request__run")[0]
    assert "still waits" in became_of(answer).words

    run_cancel(run=run, user=operator)
    answer = Answer.objects.get(pk=answer.pk)
    assert became_of(answer).words == "The run was cancelled: the answer is kept, and was not used."
