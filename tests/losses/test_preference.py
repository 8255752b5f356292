from __future__ import annotations

import pytest

from optimization.core import ReplyError, collect_tape_ids
from optimization.losses import HumanPreferenceLoss, LLMPreferenceLoss, PreferenceAnswer, ScriptedDesk
from tests.core.scripted import Model
from tests.losses.rubrics import Writer

VERDICT = {
    "winner": "B",
    "reason": "B gives the date.",
    "a_strengths": "warm",
    "a_weaknesses": "no date\nno name",
    "b_strengths": "precise",
    "b_weaknesses": "cold",
}


def human(*answers: PreferenceAnswer, require_reason: bool = True) -> HumanPreferenceLoss:
    return HumanPreferenceLoss("which is clearer?", require_reason, desk=ScriptedDesk(list(answers)))


@pytest.mark.parametrize(
    ("choice", "scores"),
    [
        ("A", (1.0, 0.0)),
        ("B", (0.0, 1.0)),
        ("tie", (0.5, 0.5)),
        ("both_bad", (0.0, 0.0)),
        ("abstain", (None, None)),
    ],
)
async def test_the_winner_has_one_the_loser_zero_a_tie_half_each_both_bad_zero_and_an_abstention_none(
    choice: str, scores: tuple[float | None, float | None]
) -> None:
    first, second = await human(PreferenceAnswer(choice, "because")).compare("a", "b")  # type: ignore[arg-type]

    assert (first.score, second.score) == scores


async def test_the_payload_is_strengths_for_the_winner_and_for_the_loser_what_made_the_other_better() -> None:
    answer = PreferenceAnswer("B", reason="clearer", strengths="gives the date", weaknesses="rambles")
    first, second = await human(answer).compare("a", "b")

    assert second.payload == [["Preferred. Strength: gives the date"]]
    assert first.payload == [
        [
            "The other output was better: clearer",
            "Strength of the better one: gives the date",
            "Weakness of this one: rambles",
        ]
    ]


async def test_an_abstention_counts_as_no_answer() -> None:
    first, second = await human(PreferenceAnswer("abstain", "no idea")).compare("a", "b")

    assert (first.payload, second.payload, first.meta["answers"]) == ([], [], 0)


async def test_both_are_told_why_neither_is_better() -> None:
    first, second = await human(PreferenceAnswer("both_bad", "no date", weaknesses="rude")).compare("a", "b")

    assert first.payload == second.payload == [["no date", "rude"]]


async def test_called_with_a_target_the_output_is_compared_with_it() -> None:
    desk = ScriptedDesk([PreferenceAnswer("A", "clearer")])
    value = await HumanPreferenceLoss("which?", desk=desk)("mine", "theirs", context={"ticket": "t"})

    assert value.score == 1.0
    assert desk.questions[0].outputs == ("mine", "theirs")  # type: ignore[union-attr]
    assert desk.questions[0].context == {"ticket": "t"}


@pytest.mark.parametrize("loss", [human(), LLMPreferenceLoss("which?").bind(Model([]))])
async def test_without_a_target_it_is_a_value_error(loss: HumanPreferenceLoss | LLMPreferenceLoss) -> None:
    with pytest.raises(ValueError, match=r"give the other one as target, or call compare\(a, b\)"):
        await loss("output")


async def test_the_model_is_asked_for_the_schema_of_the_specification() -> None:
    model = Model([VERDICT])
    await LLMPreferenceLoss("which?").bind(model).compare("the first", "the second", context={"ticket": "t"})
    request = model.requests[0]

    assert list((request.response_schema or {})["properties"]) == list(VERDICT)
    assert request.messages[1].content == (
        "<criteria>\nwhich?\n</criteria>\n\n<ticket>\nt\n</ticket>\n\n"
        "<output_a>\nthe first\n</output_a>\n\n<output_b>\nthe second\n</output_b>"
    )


async def test_the_models_verdict_is_read_for_both_sides() -> None:
    first, second = await LLMPreferenceLoss("which?").bind(Model([VERDICT])).compare("a", "b")

    assert (first.score, second.score) == (0.0, 1.0)
    assert second.payload == [["Preferred. Strength: precise"]]
    assert first.payload == [
        [
            "The other output was better: B gives the date.",
            "Strength of the better one: precise",
            "Weakness of this one: no date",
            "Weakness of this one: no name",
        ]
    ]
    assert (first.meta["choice"], first.meta["reason"]) == ("B", "B gives the date.")


async def test_in_a_models_tie_each_side_hears_its_own_weaknesses() -> None:
    first, second = (
        await LLMPreferenceLoss("which?").bind(Model([VERDICT | {"winner": "tie"}])).compare("a", "b")
    )

    assert first.payload == [["B gives the date.", "no date", "no name"]]
    assert second.payload == [["B gives the date.", "cold"]]


async def test_an_unknown_winner_is_repaired_once_and_then_an_error() -> None:
    wrong = VERDICT | {"winner": "C"}
    value, _ = await LLMPreferenceLoss("which?").bind(Model([wrong, VERDICT])).compare("a", "b")
    assert value.score == 0.0
    with pytest.raises(ReplyError, match="'C' is not one of"):
        await LLMPreferenceLoss("which?").bind(Model([wrong, wrong])).compare("a", "b")


async def test_feedback_against_a_target_goes_back_to_the_output_alone() -> None:
    writer, other = Writer().train(), Writer().train()
    output, target = await writer("a"), await other("b")
    value = await human(PreferenceAnswer("B", "B gives the date."))(output, target)

    assert collect_tape_ids(value) == collect_tape_ids(output)
    await value.backward()
    assert len(writer.prompt.feedback) == 1
    assert other.prompt.feedback == []


async def test_compare_hands_each_side_its_own_tape() -> None:
    module = Writer().train()
    a, b = await module("a"), await module("b")
    first, second = await human(PreferenceAnswer("A", "warm")).compare(a, b)

    assert collect_tape_ids(first) == collect_tape_ids(a)
    assert collect_tape_ids(second) == collect_tape_ids(b)
    await second.backward()
    assert module.prompt.feedback[0].startswith("- The other output was better: warm\nScore: 0.00")


async def test_nobody_is_asked_about_two_outputs_that_are_the_same() -> None:
    for loss in (human(), LLMPreferenceLoss("which?").bind(Model([]))):
        first, second = await loss.compare("a", "a")
        assert (first.score, second.score) == (0.5, 0.5)
        assert first.meta["answers"] == 0
