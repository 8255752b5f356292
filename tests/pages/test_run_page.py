"""A run's page, drawn from its rows in every state, and what of it is fetched when something has happened."""

import html

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from optimization.core.errors import ReplyError
from optimization.models import (
    Activity,
    Endpoint,
    Iteration,
    Membership,
    Run,
    RunState,
    WorkItem,
    Workspace,
    WorkState,
)
from tests.factories import make_iteration, make_run, make_stopped, make_waiting
from tests.pages.conftest import Browse
from tests.pages.reading import text

Members = dict[str, Membership]


@pytest.fixture
def run(workspace: Workspace, members: Members, people: list[User]) -> Run:
    """Two iterations done, the third waits for people."""
    run = make_run(workspace, members["operator"].user)
    make_iteration(run, 0.52, people)
    make_iteration(run, 0.66, people)
    make_waiting(run, people)
    return run


def page(client: Client, run: Run) -> str:
    answer = client.get(f"/runs/{run.pk}/")
    assert answer.status_code == 200
    return text(answer)


class TestItsState:
    def test_waiting_for_people_offers_to_judge(self, operator: Client, run: Run) -> None:
        shown = page(operator, run)
        assert "Waiting for people: 5 of 8, about 2 min" in shown
        assert "Judge now" in shown
        assert "Pause" in shown

    def test_asking_models_says_how_far(self, operator: Client, run: Run) -> None:
        Run.objects.filter(pk=run.pk).update(activity=Activity.MODELS)
        waiting = WorkItem.objects.filter(run=run, state=WorkState.WAITING).order_by("pk")
        WorkItem.objects.filter(pk=waiting[0].pk).update(state=WorkState.DUE)
        assert "Running the program: 7 of 8 examples" in page(operator, run)

    def test_paused_offers_to_resume(self, operator: Client, run: Run) -> None:
        make_stopped(run, RunState.PAUSED, "Paused by Ines. Answers are kept.")
        shown = page(operator, run)
        assert "Paused by Ines" in shown
        assert "Resume" in shown
        assert "Judge now" not in shown

    def test_needing_attention_shows_the_reason_and_offers_a_retry(self, operator: Client, run: Run) -> None:
        make_stopped(run, RunState.NEEDS_ATTENTION, "The endpoint default refused the key.")
        shown = page(operator, run)
        assert "The endpoint default refused the key. Nothing that was paid for is asked again." in shown
        assert "Retry" in shown

    def test_a_reply_that_no_judge_could_read_is_kept_apart_from_the_reason(
        self, operator: Client, run: Run
    ) -> None:
        reply = "Sorry, it's no. " * 50
        error = ReplyError("Judge", "judge", "no JSON", reply)
        for ending in (". Mend it and press Retry.", " Once the cause is mended, press Retry: all is kept."):
            make_stopped(
                run, RunState.NEEDS_ATTENTION, f"Example 3 failed 3 times: ReplyError: {error}{ending}"
            )
            shown = html.unescape(page(operator, run))
            said, _, raw = shown.partition("The last reply, as it came")
            assert "Problem: no JSON." in said
            assert f"ask for less in one reply.{ending.removeprefix('.')}" in said
            assert "Sorry" not in said
            assert "press Retry" not in raw[: len(reply)]

    def test_finished_offers_the_prompts_and_another_launch(self, operator: Client, run: Run) -> None:
        make_stopped(run, RunState.FINISHED, "Finished after 2 iterations.")
        shown = page(operator, run)
        assert "Finished after 2 iterations" in shown
        assert "Read the prompts" in shown
        assert "Launch again" in shown
        assert "Cancel the run" not in shown

    def test_cancelled_offers_no_deed(self, operator: Client, run: Run) -> None:
        make_stopped(run, RunState.CANCELLED, "Cancelled by Ines.")
        shown = page(operator, run)
        assert "Cancelled by Ines" in shown
        assert "Resume" not in shown

    def test_finished_without_a_score_waits_for_none(self, operator: Client, run: Run) -> None:
        run.scores.all().delete()
        make_stopped(run, RunState.FINISHED, "Finished after 2 iterations.")
        assert "No score: nothing was scored on held-out examples." in page(operator, run)

    def test_finished_without_a_change_promises_none(
        self, operator: Client, workspace: Workspace, members: Members
    ) -> None:
        run = make_run(workspace, members["operator"].user)
        Iteration.objects.create(run=run, number=0, started_at=timezone.now(), state={})
        assert "Nothing yet. When the feedback" in page(operator, run)
        make_stopped(run, RunState.FINISHED, "Finished after 1 iteration.")
        assert "Nothing: the prompts are those that it began with." in page(operator, run)

    def test_it_says_who_judges_after_its_first_iteration_where_that_is_another(
        self, operator: Client, run: Run
    ) -> None:
        later = {"name": "LLMRubricLoss", "args": {}}
        check = {"name": "VerifierLoss", "args": {"verifier": {"name": "code_fence"}}}
        run.config |= {"loss": check, "later": {"after": 1, "loss": later}}
        run.save()
        assert "a check: code fence; after iteration 2: a model's rubric" in html.unescape(
            page(operator, run)
        )

    def test_just_launched_has_no_curve_and_no_change_yet(
        self, operator: Client, workspace: Workspace, members: Members
    ) -> None:
        run = make_run(workspace, members["operator"].user)
        run.scores.all().delete()
        shown = page(operator, run)
        assert "Beginning iteration 1" in shown
        assert "No score yet" in shown
        assert "Nobody has judged for this run yet" in shown


class TestWhatItShows:
    def test_the_curve_is_a_table_too(self, operator: Client, run: Run) -> None:
        shown = page(operator, run)
        assert "start 0.41 0.05 8 1 0.52 0.05 8 2 0.66 0.05 8" in shown
        html = operator.get(f"/runs/{run.pk}/").content.decode()
        assert "0.41 at the start, 0.66 ± 0.05 after iteration 2." in html

    def test_the_last_change_is_a_word_diff_with_its_remarks(self, operator: Client, run: Run) -> None:
        html = operator.get(f"/runs/{run.pk}/").content.decode()
        assert "<del>help</del><ins>one concrete step</ins>" in html
        shown = page(operator, run)
        assert "What changed in iteration 2: the draft's instructions" in shown
        assert "From 8 remarks by 2 judges: “Give a date” \u00d74" in shown
        assert "Score 0.52 → 0.66" in shown

    def test_a_prompt_that_says_html_stays_text(self, operator: Client, run: Run) -> None:
        run.parameter_versions.filter(number=3).update(value="Begin with <b>the name</b>.")
        html = operator.get(f"/runs/{run.pk}/").content.decode()
        assert "&lt;b&gt;" in html.replace("</ins><ins>", "")
        assert "<b>" not in html

    def test_the_iterations_read_like_a_score(self, operator: Client, run: Run) -> None:
        shown = page(operator, run)
        assert "3 8 · 3.1 s 5 of 8 not yet not yet not yet $0.0088" in shown
        assert "2 8 · 3.1 s 8 · 6 min 2.0 s 1 of 2 changed 0.66 $0.0088" in shown

    def test_what_it_has_used_stands_against_the_budget(self, operator: Client, run: Run) -> None:
        shown = page(operator, run)
        assert "$0.03 of $2.50" in shown
        assert "Calls 24 Tokens 10,560 Human minutes 16 Answers 21" in shown

    def test_the_rehearsal_endpoint_is_named_for_what_it_is(
        self, operator: Client, run: Run, rehearsal_endpoint: Endpoint
    ) -> None:
        assert "rehearsal, not a language model" in operator.get(f"/runs/{run.pk}/").content.decode()

    def test_an_annotator_sees_neither_outputs_nor_deeds(self, browse: Browse, run: Run) -> None:
        html = browse("annotator").get(f"/runs/{run.pk}/").content.decode()
        assert "/iterations/" not in html
        assert "/pause/" not in html
        assert browse("annotator").get(f"/runs/{run.pk}/iterations/1/").status_code == 403


class TestWhatIsFetched:
    def digests(self, client: Client, run: Run) -> list[str]:
        return [part.digest for part in client.get(f"/runs/{run.pk}/").context["parts"].values()]

    def test_nothing_if_nothing_has_happened(self, operator: Client, run: Run) -> None:
        have = ",".join(self.digests(operator, run))
        answer = operator.get(f"/runs/{run.pk}/live/", {"have": have})
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer["X-Run-Seq"] == "0"

    def test_only_the_parts_that_differ(self, operator: Client, run: Run) -> None:
        have = ",".join(self.digests(operator, run))
        run.scores.create(position=3, split="test", candidate="c", mean=0.7, stderr=0.04, count=8)
        html = operator.get(f"/runs/{run.pk}/live/", {"have": have}).content.decode()
        assert 'id="part-curve"' in html
        assert 'id="part-iterations"' in html
        assert 'id="part-side"' not in html
        assert 'id="part-changes"' not in html

    def test_everything_by_a_page_that_has_nothing(self, operator: Client, run: Run) -> None:
        html = operator.get(f"/runs/{run.pk}/live/").content.decode()
        assert html.count("data-digest") == 5


class TestDeeds:
    def test_are_asked_in_words_before_they_are_done(self, operator: Client, run: Run) -> None:
        answer = operator.get(f"/runs/{run.pk}/cancel/")
        assert "Cancel this run for good?" in text(answer)
        assert "cannot be resumed" in text(answer)
        run.refresh_from_db()
        assert run.state == RunState.RUNNING

    def test_are_a_fragment_for_the_dialog(self, operator: Client, run: Run) -> None:
        html = operator.get(f"/runs/{run.pk}/pause/", headers={"HX-Request": "true"}).content.decode()
        assert html.startswith("<form")

    @pytest.mark.parametrize(
        ("state", "deed", "after"),
        [
            (RunState.RUNNING, "pause", RunState.PAUSED),
            (RunState.PAUSED, "resume", RunState.RUNNING),
            (RunState.RUNNING, "cancel", RunState.CANCELLED),
            (RunState.NEEDS_ATTENTION, "retry", RunState.RUNNING),
        ],
    )
    def test_move_the_run_and_say_so(
        self, operator: Client, run: Run, state: RunState, deed: str, after: RunState
    ) -> None:
        Run.objects.filter(pk=run.pk).update(state=state)
        answer = operator.post(f"/runs/{run.pk}/{deed}/", follow=True)
        run.refresh_from_db()
        assert run.state == after
        assert [message.level_tag for message in answer.context["messages"]] == ["success"]

    def test_that_do_not_fit_the_state_are_refused_in_words(self, operator: Client, run: Run) -> None:
        answer = operator.post(f"/runs/{run.pk}/resume/", follow=True)
        assert [str(message) for message in answer.context["messages"]] == [
            "“Support replies, gentle steps” is running: only a paused run can be resumed."
        ]

    def test_that_do_not_exist_are_not_found(self, operator: Client, run: Run) -> None:
        answer = operator.get(f"/runs/{run.pk}/explode/")
        assert answer.status_code == 404
        assert "what it can is pause, resume, cancel, retry" in text(answer)


class TestAnIteration:
    def test_shows_outputs_with_what_was_said_of_them(self, operator: Client, run: Run) -> None:
        shown = text(operator.get(f"/runs/{run.pk}/iterations/1/"))
        assert "My order #48213 was due last Tuesday" in shown
        assert "annotator: No · 45 s Give a date" in shown
        assert "Do not apologise" not in shown

    def test_that_waits_says_for_whom(self, operator: Client, run: Run) -> None:
        assert "waits for people" in text(operator.get(f"/runs/{run.pk}/iterations/3/"))

    def test_that_has_not_begun_is_not_found(self, operator: Client, run: Run) -> None:
        answer = operator.get(f"/runs/{run.pk}/iterations/9/")
        assert answer.status_code == 404
        assert "has no iteration 9 yet" in text(answer)


def test_the_prompts_can_be_read_whole(operator: Client, run: Run) -> None:
    shown = text(operator.get(f"/runs/{run.pk}/prompts/"))
    assert "draft.system_prompt · version 3, written in iteration 2" in shown
    assert "name the refund when the parcel is more than 4 days late" in shown


def test_a_foreign_run_is_not_found_and_named(operator: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(workspace=Workspace.objects.create(name="Other", slug="other"))
    answer = operator.get(f"/runs/{run.pk}/")
    assert answer.status_code == 404
    assert f"There is no run {run.pk} in Support team." in text(answer)
