"""Several people answer one question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.losses import (
    FeedbackAnswer,
    HumanFeedbackLoss,
    HumanPreferenceLoss,
    HumanRankingLoss,
    HumanRubricLoss,
    PreferenceAnswer,
    RankingAnswer,
    RubricAnswer,
    ScriptedDesk,
)
from optimization.losses.agreement import agreement, weighed_mean
from optimization.losses.questions import weighed
from tests.losses.rubrics import LEVELS

scores = st.lists(st.floats(0, 1), min_size=2, max_size=6)


async def test_scores_average_and_every_comment_is_kept() -> None:
    desk = ScriptedDesk(
        [[RubricAnswer(1, ["Greet."], "Cold."), RubricAnswer(5, ["Sign.", "Greet."]), RubricAnswer(3)]]
    )
    value = await HumanRubricLoss("helpful?", LEVELS, require_feedback=1, desk=desk)("output")

    assert value.score == pytest.approx(0.5)
    assert value.meta["raw_score"] == 3
    assert value.payload == [["Greet."], ["Sign.", "Greet."]]
    assert (value.meta["raw_scores"], value.meta["answers"]) == ([1, 5, 3], 3)


async def test_disagreement_is_kept_in_meta_agreement() -> None:
    loss = HumanRubricLoss("helpful?", LEVELS)

    assert loss.read([RubricAnswer(1), RubricAnswer(5)]).meta["agreement"] == 0.0
    assert loss.read([RubricAnswer(3), RubricAnswer(3)]).meta["agreement"] == 1.0
    assert loss.read([RubricAnswer(1), RubricAnswer(3)]).meta["agreement"] == pytest.approx(0.5)


def test_one_annotator_alone_neither_agrees_nor_disagrees() -> None:
    assert "agreement" not in HumanRubricLoss("helpful?", LEVELS).read([RubricAnswer(3)]).meta
    assert agreement([0.5]) is None


@given(scores)
def test_agreement_is_from_zero_to_one_and_does_not_depend_on_the_order(given_scores: list[float]) -> None:
    found = agreement(given_scores)

    assert found is not None
    assert 0.0 <= found <= 1.0
    assert found == pytest.approx(agreement(given_scores[::-1]))


def test_no_answer_at_all_is_feedback_without_score_and_remarks() -> None:
    value = HumanRubricLoss("helpful?", LEVELS).read([])

    assert (value.payload, value.score) == ([], None)


async def test_free_feedback_keeps_each_annotators_lines_apart() -> None:
    desk = ScriptedDesk([[FeedbackAnswer(["Greet.", " "]), FeedbackAnswer([]), FeedbackAnswer(["Sign."])]])
    value = await HumanFeedbackLoss(desk=desk)("output")

    assert (value.payload, value.score, value.meta["answers"]) == ([["Greet."], ["Sign."]], None, 3)


async def test_preferences_average_over_those_who_did_not_abstain() -> None:
    answers = [
        PreferenceAnswer("A", "warm"),
        PreferenceAnswer("B", "short"),
        PreferenceAnswer("A"),
        PreferenceAnswer("abstain"),
    ]
    desk = ScriptedDesk([answers])  # type: ignore[list-item]
    first, second = await HumanPreferenceLoss("which?", require_reason=False, desk=desk).compare("a", "b")

    assert (first.score, second.score) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert first.meta["choices"] == ["A", "B", "A"]
    assert first.meta["agreement"] == pytest.approx(1 / 3)


def test_the_smallest_weight_of_all_is_a_weight() -> None:
    assert weighed_mean([1.5, 0.0], [5e-324, 0.0]) == 1.5


def test_everything_averaged_counts_by_weight() -> None:
    three, once = weighed(RubricAnswer(5), 3.0), weighed(RubricAnswer(1), 1.0)
    rubric = HumanRubricLoss("helpful?", LEVELS).read([three, once])
    ranks = HumanRankingLoss("order?").read_all(
        [weighed(RankingAnswer([1, 2]), 3.0), weighed(RankingAnswer([2, 1]), 1.0)]
    )

    assert (rubric.score, rubric.meta["raw_score"]) == (0.75, 4.0)
    assert [(value.score, value.meta["rank"]) for value in ranks] == [(0.75, 1.25), (0.25, 1.75)]


def test_where_nobody_weighs_anything_all_count_alike() -> None:
    answers = [weighed(RubricAnswer(5), 0.0), weighed(RubricAnswer(1), 0.0)]
    assert HumanRubricLoss("helpful?", LEVELS).read(answers).score == 0.5


async def test_several_who_all_abstain_leave_no_score() -> None:
    desk = ScriptedDesk([[PreferenceAnswer("abstain"), PreferenceAnswer("abstain", "no idea")]])
    first, second = await HumanPreferenceLoss("which?", desk=desk).compare("a", "b")

    assert (first.score, second.score, first.payload, second.payload) == (None, None, [], [])
    assert "agreement" not in first.meta


async def test_rankings_average_and_keep_every_note() -> None:
    answers = [RankingAnswer([1, 2, 3], ["warm", "", "cold"]), RankingAnswer([2, 1, 3], ["kind"])]
    values = await HumanRankingLoss("order?", desk=ScriptedDesk([answers])).rank(["a", "b", "c"])  # type: ignore[list-item]

    assert [value.score for value in values] == [0.75, 0.75, 0.0]
    assert [value.meta["rank"] for value in values] == [1.5, 1.5, 3]
    assert [value.payload for value in values] == [[["warm"], ["kind"]], [["Ranked #1.5/3."]], [["cold"]]]
