"""What a run's page reads: the curve, the iterations, what changed and why, who judged, what it cost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from optimization.models import (
    Candidate,
    Membership,
    ParameterVersion,
    Run,
    RunState,
    Score,
    Workspace,
    WorkState,
)
from optimization.models.parameters import Origin
from optimization.runs.selectors import (
    current_parameters,
    iteration_outputs,
    latest_changes,
    parameter_changes,
    run_curve,
    run_get,
    run_iterations,
    run_people,
    run_usage,
)
from tests.factories import (
    DRAFTS,
    make_claim,
    make_effect,
    make_item,
    make_iteration,
    make_run,
    make_stopped,
    make_waiting,
)

Members = dict[str, Membership]


@pytest.fixture
def run(workspace: Workspace, members: Members) -> Run:
    """Two iterations done, the third waits for people."""
    people = [members["annotator"].user, members["operator"].user]
    run = make_run(workspace, members["operator"].user)
    make_iteration(run, 0.52, people)
    make_iteration(run, 0.66, people)
    make_waiting(run, people)
    return run


def test_a_foreign_run_is_not_there(run: Run) -> None:
    foreign = Workspace.objects.create(name="Other", slug="other")
    with pytest.raises(Run.DoesNotExist):
        run_get(foreign, run.pk)


def test_of_several_proposals_that_were_not_kept_each_says_which_it_is(run: Run) -> None:
    initial = ParameterVersion.objects.get(run=run, name="draft.system_prompt", number=1)
    for number in (1, 2):
        candidate = Candidate.objects.create(run=run, key=f"9/{number}", iteration=9)
        version = ParameterVersion.objects.create(
            run=run,
            name=initial.name,
            number=90 + number,
            value=f"Proposal {number}.",
            origin=Origin.OPTIMIZER,
            parent=initial,
            iteration=9,
        )
        candidate.versions.add(version)
    changes = parameter_changes(run, 9).changes
    assert [(change.after, change.proposal) for change in changes] == [
        ("Proposal 1.", (1, 2)),
        ("Proposal 2.", (2, 2)),
    ]


class TestTheCurve:
    def test_begins_at_the_start_and_has_a_point_an_iteration(self, run: Run) -> None:
        curve = run_curve(run)
        assert [(point.name, point.mean) for point in curve.points] == [
            ("start", 0.41),
            ("1", 0.52),
            ("2", 0.66),
        ]
        assert curve.now == 3

    def test_its_band_is_one_standard_error_and_stays_within_scores(self, run: Run) -> None:
        Score.objects.filter(run=run, position=2).update(mean=0.98)
        last = run_curve(run).last
        assert last is not None
        assert (round(last.low, 2), last.high) == (0.93, 1.0)

    def test_of_a_run_that_is_over_has_no_now(self, run: Run) -> None:
        make_stopped(run, RunState.FINISHED, "Finished after 2 iterations.")
        assert run_curve(run).now is None

    def test_of_a_run_that_holds_nothing_out_is_that_of_what_it_scores(self, run: Run) -> None:
        Score.objects.filter(run=run).update(split="train")
        assert run_curve(run).split == "train"
        assert len(run_curve(run).points) == 3


class TestAnIterationsLine:
    def test_tells_of_each_phase_how_far_it_is(self, run: Run) -> None:
        now, done, _ = run_iterations(run)
        assert (now.forward.state, now.forward.text) == ("done", "8 · 3.1 s")
        assert (now.people.state, now.people.text) == ("waits", "5 of 8")
        assert [phase.state for phase in (now.backward, now.step, now.held_out)] == ["none"] * 3
        assert (done.people.text, done.step.text, done.held_out.text) == (
            "8 · 6 min",
            "1 of 2 changed",
            "0.66",
        )
        assert done.backward.text == "2.0 s"

    def test_sums_what_its_calls_cost(self, run: Run) -> None:
        assert run_iterations(run)[0].cost == pytest.approx(8 * 0.0011)

    def test_of_a_proposal_that_was_not_kept_has_an_empty_ring(
        self, workspace: Workspace, members: Members
    ) -> None:
        run = make_run(workspace, members["operator"].user)
        make_iteration(run, 0.4, [members["annotator"].user], changed=False)
        step = run_iterations(run)[0].step
        assert (step.state, step.text) == ("none", "kept, no gain")

    def test_shows_examples_that_failed(self, workspace: Workspace, members: Members) -> None:
        run = make_run(workspace, members["operator"].user)
        run.iterations.create(number=0, started_at=timezone.now())
        forward = make_effect(run, "forward", 0, timezone.now() - timedelta(seconds=9))
        make_item(forward, 0, WorkState.FAILED, last_error="The model said nothing.")
        make_item(forward, 1, WorkState.DONE)
        phase = run_iterations(run)[0].forward
        assert (phase.state, phase.text) == ("attention", "1 of 2 failed")

    def test_costs_as_many_queries_for_three_as_for_one(self, run: Run, django_assert_num_queries) -> None:
        with django_assert_num_queries(7):
            run_iterations(run)
        with django_assert_num_queries(7):
            run_iterations(run, last=1)


class TestWhatChanged:
    def test_is_the_last_step_with_its_words_and_scores(self, run: Run) -> None:
        changes = latest_changes(run)
        assert changes is not None
        (change,) = changes.changes
        assert (changes.name, changes.before, changes.after) == (2, 0.52, 0.66)
        assert (change.node, change.before, change.after) == ("draft", DRAFTS[1], DRAFTS[2])
        assert "".join(piece.text for piece in change.pieces if piece.kind != "removed") == DRAFTS[2]

    def test_counts_equal_remarks_together_the_most_frequent_first(self, run: Run) -> None:
        changes = parameter_changes(run, 0)
        assert [(remark.text, remark.count) for remark in changes.remarks] == [
            ("Give a date", 4),
            ("Name the refund", 2),
            ("Say the order number", 2),
        ]
        assert (changes.people, changes.remark_count) == (2, 8)

    def test_nothing_has_changed_before_the_first_step(self, workspace: Workspace, members: Members) -> None:
        assert latest_changes(make_run(workspace, members["operator"].user)) is None

    def test_the_prompts_of_now_are_those_of_the_last_step(self, run: Run) -> None:
        assert [version.value for version in current_parameters(run)] == ["Shorten the draft.", DRAFTS[2]]


class TestOutputs:
    def test_come_with_input_score_and_who_said_what(self, run: Run) -> None:
        first = iteration_outputs(run, 0)[0]
        assert first.inputs["ticket"].startswith("My order #48213")
        assert first.score == 0.25
        (remark,) = first.remarks
        assert (remark.judge, remark.score, remark.label) == ("annotator", 1, "No")
        assert remark.improvements == ("Give a date",)

    def test_that_wait_show_what_is_asked_about(self, run: Run) -> None:
        waiting = iteration_outputs(run, 2)[-1]
        assert waiting.output.startswith("Hello,")
        assert (waiting.waits_for, waiting.score) == ("people", None)

    def test_that_failed_say_why(self, workspace: Workspace, members: Members) -> None:
        run = make_run(workspace, members["operator"].user)
        forward = make_effect(run, "forward", 0, timezone.now())
        make_item(forward, 0, WorkState.FAILED, last_error="The model said nothing.")
        assert iteration_outputs(run, 0)[0].error == "The model said nothing."


def test_usage_sums_calls_and_what_people_gave(run: Run, members: Members) -> None:
    used = run_usage(run)
    assert (used.usage.calls, used.usage.tokens) == (24, 24 * 440)
    assert (used.answers, used.human_minutes) == (21, 16)


def test_rehearsal_colleagues_take_nobodys_minutes(run: Run, members: Members) -> None:
    Membership.objects.filter(user=members["annotator"].user).update(is_rehearsal=True)
    used = run_usage(run)
    assert (used.answers, used.rehearsal_answers) == (10, 11)


def test_people_who_hold_a_question_come_first(run: Run, members: Members) -> None:
    waiting = run.feedback_requests.filter(state="open")[0]
    make_claim(waiting, members["operator"].user)
    first, second = run_people(run)
    assert (first.name, first.held, first.answers) == ("operator", 1, 10)
    assert (second.name, second.held, second.answers) == ("annotator", 0, 11)
