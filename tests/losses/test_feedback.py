from __future__ import annotations

import re

import pytest

from optimization.core import ReplyError, Value, ValueKind
from optimization.losses import FeedbackAnswer, HumanFeedbackLoss, LLMFeedbackLoss, RubricAnswer, ScriptedDesk
from tests.core.scripted import Model


async def test_a_models_improvements_are_the_payload_and_there_is_no_score() -> None:
    model = Model([{"actionable_improvements": ["Greet.", "- Sign.\n"]}])
    value = await LLMFeedbackLoss(criteria="kindness").bind(model)(
        "output", "target", context={"ticket": "t"}
    )

    assert (value.kind, value.payload, value.score) == (ValueKind.STRUCTURED, [["Greet.", "Sign."]], None)
    assert model.calls[0][0] == "judge"
    assert model.requests[0].messages[1].content == (
        "<criteria>\nkindness\n</criteria>\n\n<ticket>\nt\n</ticket>\n\n<target>\ntarget\n</target>\n\n"
        "<output>\noutput\n</output>"
    )


async def test_nothing_to_improve_is_an_empty_payload() -> None:
    assert (await LLMFeedbackLoss().bind(Model([{"actionable_improvements": []}]))("output")).payload == []


async def test_a_reply_that_is_no_list_after_a_repair_is_an_error() -> None:
    with pytest.raises(ReplyError) as caught:
        await LLMFeedbackLoss().bind(Model(["Nice!", "Very nice!"]))("output")
    assert caught.value.raw_reply == "Very nice!"


async def test_a_persons_improvements_are_one_a_line() -> None:
    desk = ScriptedDesk([FeedbackAnswer(["Greet.\nSign.", "", "  Be brief. "])])
    value = await HumanFeedbackLoss(desk=desk)("output")

    assert value.payload == [["Greet.", "Sign.", "Be brief."]]
    assert value.score is None


def test_people_are_shown_the_context_and_the_target_only_if_wished() -> None:
    shown = HumanFeedbackLoss().question("output", "target", {"ticket": "t"})
    hidden = HumanFeedbackLoss(show_context=False).question("output", "target", {"ticket": "t"})

    assert (shown.target, shown.context) == ("target", {"ticket": "t"})
    assert (hidden.target, hidden.context, hidden.output) == (None, {}, "output")


def test_the_prompt_template_is_what_people_are_asked() -> None:
    loss = HumanFeedbackLoss("Is {output} like {target}? {{yes}}")

    assert loss.question(Value(ValueKind.TEXT, "{this}"), "that").criteria == "Is {this} like that? {yes}"


@pytest.mark.parametrize("slot", ["{ticket}", "{output.title}", "{0}", "{}", "{output!r}"])
def test_a_slot_that_nothing_fills_is_refused_where_the_loss_is_made(slot: str) -> None:
    told = f"prompt_template of HumanFeedbackLoss: it has {slot}, and what is filled in is {{output}}, {{target}}, {{context}}"
    with pytest.raises(ValueError, match=re.escape(told)):
        HumanFeedbackLoss(f"Is {{output}} right for {slot}?")


def test_json_in_a_prompt_template_stays_as_it_is() -> None:
    loss = HumanFeedbackLoss('Is {output} like {"city": "Ulm"}, { or }?')

    assert loss.question("x").criteria == 'Is x like {"city": "Ulm"}, { or }?'


def test_an_answer_to_another_kind_of_question_is_refused() -> None:
    with pytest.raises(ValueError, match="reads FeedbackAnswers and got a RubricAnswer"):
        HumanFeedbackLoss().read([RubricAnswer(3)])
