from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimization.core import ReplyError, Value, ValueKind, collect_tape_ids
from optimization.losses import HumanRankingLoss, LLMRankingLoss, RankingAnswer, ScriptedDesk
from optimization.losses.ranking import mean_ranks, rank_score
from tests.core.scripted import Model
from tests.losses.rubrics import Writer


def verdict(*ranking: int) -> dict[str, object]:
    return {
        "ranking": list(ranking),
        "best_qualities": "precise",
        "worst_issues": "rude",
        "comparison": "2 is best",
    }


def human(*ranks: int, notes: list[str] | None = None, allow_ties: bool = False) -> HumanRankingLoss:
    return HumanRankingLoss(
        "order?", allow_ties=allow_ties, desk=ScriptedDesk([RankingAnswer(list(ranks), notes)])
    )


async def test_the_score_is_n_minus_rank_over_n_minus_one() -> None:
    values = await human(2, 1, 3).rank(["a", "b", "c"])

    assert [value.score for value in values] == [0.5, 1.0, 0.0]
    assert [(value.meta["rank"], value.meta["total"]) for value in values] == [(2, 3), (1, 3), (3, 3)]


async def test_the_payload_is_the_rank_or_what_was_said_of_the_item() -> None:
    values = await human(2, 1, 3, notes=["warm", "", "rude\nlong"]).rank(["a", "b", "c"])

    assert [value.payload for value in values] == [[["warm"]], [["Ranked #1/3."]], [["rude", "long"]]]


async def test_ties_share_the_mean_rank_if_allowed() -> None:
    values = await human(1, 1, 3, allow_ties=True).rank(["a", "b", "c"])

    assert [value.meta["rank"] for value in values] == [1.5, 1.5, 3]
    assert [value.score for value in values] == [0.75, 0.75, 0.0]


async def test_a_repeated_rank_is_a_value_error_where_ties_are_not_allowed() -> None:
    with pytest.raises(
        ValueError,
        match=r"HumanRankingLoss cannot read the ranks \[1, 1, 3\]: Rank 1 was given twice.*with allow_ties=True",
    ):
        await human(1, 1, 3).rank(["a", "b", "c"])


@pytest.mark.parametrize("ranks", [(1, 2), (1, 2, 3, 4), ()])
async def test_a_rank_for_each_output_and_no_more(ranks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="HumanRankingLoss cannot read the ranks .*each of the 3 outputs"):
        await human(*ranks).rank(["a", "b", "c"])


@pytest.mark.parametrize("n", [1, 0, -2])
def test_a_ranking_of_fewer_than_two_is_refused_where_it_is_made(n: int) -> None:
    for make in (LLMRankingLoss, HumanRankingLoss):
        with pytest.raises(ValueError, match=f"{make.__name__} ranks two outputs or more: n={n} is too few"):
            make("order?", n=n)


@pytest.mark.parametrize(("ranks", "message"), [((0, 1), "0 is not one"), ((1, 3), "3 is not one")])
async def test_ranks_are_one_to_n(ranks: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        await human(*ranks).rank(["a", "b"])


@pytest.mark.parametrize("outputs", [[], ["a"]])
async def test_rank_needs_two_outputs_or_more(outputs: list[str]) -> None:
    for loss in (human(1), LLMRankingLoss("order?").bind(Model([]))):
        with pytest.raises(ValueError, match="two outputs or more"):
            await loss.rank(outputs)


async def test_n_says_how_many_outputs_there_must_be() -> None:
    with pytest.raises(ValueError, match="made for 3 outputs; 2 were given"):
        await LLMRankingLoss("order?", n=3).bind(Model([])).rank(["a", "b"])


async def test_a_call_without_target_is_a_value_error_and_with_targets_ranks_among_them() -> None:
    with pytest.raises(ValueError, match=r"call rank\(outputs\)"):
        await human(1, 2)("output")
    assert (await human(2, 1, 3)("mine", ["b", "c"])).score == 0.5
    assert (await human(1, 2)("mine", "theirs")).score == 1.0


async def test_the_model_gives_the_ranking_best_first_and_one_based() -> None:
    model = Model([verdict(2, 3, 1)])
    values = await LLMRankingLoss("order?").bind(model).rank(["a", "b", "c"], context={"ticket": "t"})

    assert [value.meta["rank"] for value in values] == [3, 1, 2]
    assert [value.score for value in values] == [0.0, 1.0, 0.5]
    assert [value.payload for value in values] == [[["rude"]], [["precise"]], [["Ranked #2/3."]]]
    assert values[0].meta["comparison"] == "2 is best"
    assert list((model.requests[0].response_schema or {})["properties"]) == list(verdict())
    assert "<output_3>\nc\n</output_3>" in model.requests[0].messages[1].content


@pytest.mark.parametrize("wrong", [verdict(1, 2), verdict(1, 1, 2), verdict(0, 1, 2), verdict(1, 2, 4)])
async def test_a_ranking_that_is_no_order_is_repaired_once_and_then_an_error(
    wrong: dict[str, object],
) -> None:
    values = await LLMRankingLoss("order?").bind(Model([wrong, verdict(1, 2, 3)])).rank(["a", "b", "c"])
    assert [value.score for value in values] == [1.0, 0.5, 0.0]
    with pytest.raises(ReplyError):
        await LLMRankingLoss("order?").bind(Model([wrong, wrong])).rank(["a", "b", "c"])


async def test_rank_hands_each_output_its_own_tape() -> None:
    module = Writer().train()
    outputs = [await module(text) for text in "abc"]
    values = await human(2, 1, 3).rank(outputs)

    assert [collect_tape_ids(value) for value in values] == [collect_tape_ids(output) for output in outputs]


@given(st.permutations(range(1, 7)))
def test_an_order_without_ties_keeps_its_ranks_and_spreads_the_scores_evenly(ranks: list[int]) -> None:
    scores = [rank_score(rank, len(ranks)) for rank in mean_ranks(ranks)]

    assert mean_ranks(ranks) == ranks
    assert sorted(scores) == pytest.approx([i / 5 for i in range(6)])


@given(st.lists(st.integers(1, 5), min_size=2, max_size=8))
def test_mean_ranks_share_out_the_same_places_and_keep_the_order(ranks: list[int]) -> None:
    places = mean_ranks(ranks)

    assert sum(places) == pytest.approx(sum(range(1, len(ranks) + 1)))
    for a, place_a in zip(ranks, places, strict=True):
        for b, place_b in zip(ranks, places, strict=True):
            assert (a < b) == (place_a < place_b)
    assert all(0.0 <= rank_score(place, len(ranks)) <= 1.0 for place in places)


@given(st.data(), st.integers(2, 6), st.booleans())
def test_any_rankings_keep_the_order_that_all_agree_on(data: st.DataObject, total: int, ties: bool) -> None:
    one = (
        st.lists(st.integers(1, total), min_size=total, max_size=total)
        if ties
        else st.permutations(range(1, total + 1))
    )
    given_ranks = data.draw(st.lists(one, min_size=1, max_size=4))
    loss = HumanRankingLoss("order?", allow_ties=ties)
    values = loss.read_all([RankingAnswer(list(ranks)) for ranks in given_ranks])
    scores = [value.score for value in values]

    assert all(0.0 <= score <= 1.0 for score in scores)  # type: ignore[operator]
    assert sum(scores) == pytest.approx(total / 2)  # type: ignore[arg-type]
    assert sum(value.meta["rank"] for value in values) == pytest.approx(total * (total + 1) / 2)
    for i in range(total):
        for j in range(total):
            if all(ranks[i] < ranks[j] for ranks in given_ranks):
                assert scores[i] > scores[j]  # type: ignore[operator]


@given(st.permutations(range(1, 6)))
async def test_any_order_of_a_model_is_read_best_first(order: list[int]) -> None:
    values = await LLMRankingLoss("order?").bind(Model([verdict(*order)])).rank(list("abcde"))

    assert sorted(range(1, 6), key=lambda number: values[number - 1].meta["rank"]) == order


async def test_outputs_that_are_the_same_are_asked_about_once_and_share_their_rank() -> None:
    desk = ScriptedDesk([RankingAnswer([2, 1], ["long", ""])])
    values = await HumanRankingLoss("order?", desk=desk).rank(["a", "b", "a"])

    assert desk.questions[0].outputs == ("a", "b")
    assert [value.meta["rank"] for value in values] == [2.5, 1.0, 2.5]
    assert [value.score for value in values] == [0.25, 1.0, 0.25]
    assert [value.payload for value in values] == [[["long"]], [["Ranked #1/3."]], [["long"]]]


async def test_more_than_a_person_is_asked_about_are_judged_where_they_are_there() -> None:
    loss = HumanRankingLoss("order?", desk=ScriptedDesk([RankingAnswer([2, 1])]))
    values = await loss.together(["a", "b"] + ["a"] * 10)
    assert [value.score for value in values][:2] == [values[2].score, 1.0]


async def test_a_model_too_ranks_outputs_that_are_the_same_once() -> None:
    model = Model([verdict(2, 1)])
    values = await LLMRankingLoss("order?").bind(model).rank(["a", "b", "a"])

    assert "<output_3>" not in model.requests[0].messages[1].content
    assert [value.meta["rank"] for value in values] == [2.5, 1.0, 2.5]
    assert [value.payload for value in values] == [[["rude"]], [["precise"]], [["rude"]]]


async def test_nobody_is_asked_about_outputs_that_are_all_the_same() -> None:
    for loss in (HumanRankingLoss("order?", desk=ScriptedDesk()), LLMRankingLoss("order?").bind(Model([]))):
        values = await loss.rank(["a", "a", "a"])
        assert [value.score for value in values] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("outputs", ["abc", Value(ValueKind.STRUCTURED, ["a", "b"]), {"a": 1, "b": 2}])
async def test_what_is_ranked_is_a_list(outputs: Any) -> None:
    with pytest.raises(TypeError, match="LLMRankingLoss compares a list of outputs, not"):
        await LLMRankingLoss("order?").bind(Model([])).rank(outputs)
