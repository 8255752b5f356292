"""What would have been without an annotator: exact through the first step that it changes, its price said first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from optimization.accounts.services import member_add
from optimization.feedback.services import claim_next
from optimization.models import (
    Answer,
    Application,
    Call,
    FeedbackRequest,
    ParameterVersion,
    Role,
    Run,
    RunState,
    WorkItem,
)
from optimization.runs.checks import LaunchError
from optimization.runs.config import Choice
from optimization.runs.doctor import examine
from optimization.runs.replays import run_replay
from optimization.runs.selectors import iteration_outputs
from optimization.runs.services import Conflict, run_without
from optimization.runs.without import judge_offered, without_offers
from tests.engine.loop import answer_all, answer_one, work
from tests.engine.test_loop import strict
from workers.process import Process

pytestmark = pytest.mark.django_db(transaction=True)
Launch = Callable[..., Run]


@pytest.fixture
def other(annotator: User) -> User:
    return member_add(workspace=annotator.memberships.get().workspace, username="otto", role=Role.ANNOTATOR)[
        0
    ].user


@pytest.fixture
def run(launch: Launch, annotator: User, other: User, small_dataset: str, process: Process) -> Run:
    """Two outputs an iteration: Otto judges none in the first, and one in the second; Ines the rest."""
    trainer = {"name": "MinibatchAlgorithm", "args": {"batch_size": 2}}
    run = launch(iterations=3, dataset=small_dataset, trainer=trainer)
    work(run, process)
    answer_all(run, annotator, strict)
    work(run, process)
    answer_one(run, other, lambda _: {"kind": "rubric", "score": 2, "improvements": ["Answer in rhymes"]})
    answer_all(run, annotator, strict)
    work(run, process)
    answer_all(run, annotator, strict)
    work(run, process)
    run.refresh_from_db()
    assert run.state == RunState.FINISHED, run.reason
    return run


def test_the_first_step_is_exact_and_a_judge_goes_on(
    run: Run, operator: User, other: User, process: Process
) -> None:
    offers = {offer.name: offer for offer in without_offers(run)}
    assert set(offers) == {"ines", "otto"}
    otto = offers["otto"]
    assert (otto.iteration, otto.given, otto.alone, otto.answers) == (1, 1, 1, 1)
    assert otto.calls == 4
    assert otto.by_judge.questions == 0
    assert otto.by_people.questions == 2
    assert otto.by_people.human_seconds > 0
    assert otto.by_judge.calls > otto.by_people.calls > 0
    before = {
        table: list(table.objects.filter(run=run).order_by("pk").values()) for table in (Call, WorkItem)
    }

    fork = run_without(run=run, user=operator, person=other, judge=judge_offered(run))

    assert fork.reason.endswith("exact through the step of iteration 2, then a model judges.")
    work(fork, process)
    fork.refresh_from_db()
    assert fork.state == RunState.FINISHED, fork.reason
    assert not FeedbackRequest.objects.filter(run=fork).exists()
    outputs = [output.output for output in iteration_outputs(run, 1)]
    assert [output.output for output in iteration_outputs(fork, 1)] == outputs
    assert not Call.objects.filter(run=fork, iteration=1, item__kind="forward").exists()
    used = Application.objects.filter(step__run=fork, step__iteration=1).values_list("answer", flat=True)
    assert list(used) == list(
        Answer.objects.filter(request__run=run, request__iteration=1)
        .exclude(user=other)
        .values_list("pk", flat=True)
    )
    told = [text for version in ParameterVersion.objects.filter(run=fork) for text in version.feedback]
    assert told
    assert not any("rhymes" in text for text in told)
    judges = {remark.judge for output in iteration_outputs(fork, 1) for remark in output.remarks}
    assert judges == {"ines"}

    assert {
        table: list(table.objects.filter(run=run).order_by("pk").values()) for table in (Call, WorkItem)
    } == before
    for one in (run, fork):
        found = run_replay(one)
        assert found.equal, found.words
    assert [finding.sentence for finding in examine().findings] == []


def test_people_are_asked_but_not_the_one_left_out(
    run: Run, operator: User, annotator: User, other: User, process: Process
) -> None:
    fork = run_without(run=run, user=operator, person=other)
    work(fork, process)

    assert FeedbackRequest.objects.filter(run=fork, state="open", iteration=2).count() == 2
    assert claim_next(workspace=fork.workspace, user=other) is None
    assert claim_next(workspace=fork.workspace, user=annotator) is not None


def test_what_cannot_be_asked_says_why(run: Run, operator: User) -> None:
    with pytest.raises(Conflict, match="without them it would be the same"):
        run_without(run=run, user=operator, person=operator)
    person = without_offers(run)[0].person
    with pytest.raises(LaunchError, match="NoSuchLoss"):
        run_without(run=run, user=operator, person=person, judge=Choice(name="NoSuchLoss"))
