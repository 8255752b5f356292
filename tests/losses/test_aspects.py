"""Several criteria in one rubric: each gets a level, and together they make one score."""

from __future__ import annotations

import json
from typing import Any

import pytest

from optimization.feedback.errors import InvalidAnswer
from optimization.feedback.parsing import answer_parse
from optimization.losses import (
    Aspect,
    HumanRubricLoss,
    LLMRubricLoss,
    RubricAnswer,
    RubricLevel,
    RubricQuestion,
    ScriptedDesk,
)
from optimization.rehearsal.colleague import ADA
from optimization.rehearsal.player import play
from optimization.rehearsal.wire import ChatRequest
from tests.core.scripted import Model
from tests.losses.rubrics import LEVELS

YES_NO = (RubricLevel(0, "No"), RubricLevel(1, "Yes"))
ASPECTS = [Aspect(name="Facts", weight=3), {"name": "Greeting", "levels": YES_NO}]
QUESTION = HumanRubricLoss("Is it good?", LEVELS, require_feedback=2, aspects=ASPECTS).question("x")


async def test_the_score_is_the_mean_of_the_aspects_by_weight() -> None:
    given = [
        RubricAnswer(scores={"Facts": 3, "Greeting": 1}),
        RubricAnswer(scores={"Facts": 5, "Greeting": 1}),
    ]
    loss = HumanRubricLoss("Is it good?", LEVELS, False, ScriptedDesk([given]), ASPECTS)
    value = await loss("x")

    assert value.score == pytest.approx((0.625 + 1.0) / 2)
    assert value.meta["raw_scores"] == [3.5, 5.0]
    assert value.meta["aspects"] == {"Facts": 0.75, "Greeting": 1.0}


async def test_a_model_chooses_a_level_of_each_aspect() -> None:
    said = {
        "scores": {"Facts": 3, "Greeting": 0},
        "justification": "so",
        "actionable_improvements": ["Greet."],
    }
    model = Model([said])
    value = await LLMRubricLoss("Is it good?", LEVELS, aspects=ASPECTS).bind(model)("x")

    assert value.score == pytest.approx(0.375)
    assert value.payload == [["Greet."]]
    schema = model.requests[0].response_schema or {}
    assert schema["properties"]["scores"]["properties"]["Greeting"]["enum"] == [0, 1]
    asked = [message.content for message in model.requests[0].messages]
    assert "for each aspect" in asked[0]
    assert "Aspect “Greeting”\n  1: Yes" in asked[1]


def test_the_rehearsal_judges_aspects() -> None:
    properties = {"scores": {"properties": {"Facts": {"enum": [1, 2]}}}, "justification": {}}
    wanted = {"type": "json_schema", "json_schema": {"name": "v", "schema": {"properties": properties}}}
    messages = [{"role": "user", "content": "<output>\nHello\n</output>"}]
    request = ChatRequest.model_validate({"model": "m", "messages": messages, "response_format": wanted})
    assert json.loads(play(request))["scores"]["Facts"] in (1, 2)
    answer = ADA.answer(QUESTION)
    assert isinstance(answer, RubricAnswer)
    assert set(answer.scores) == {"Facts", "Greeting"}


def errors_of(body: dict[str, object]) -> dict[str, str]:
    with pytest.raises(InvalidAnswer) as refused:
        answer_parse(QUESTION, body)
    return refused.value.errors


def test_an_answer_has_a_level_of_each_aspect_and_its_score_is_made_of_them() -> None:
    checked = answer_parse(QUESTION, {"scores": {"Facts": 3, "Greeting": 1}, "improvements": ["Say when"]})
    assert isinstance(checked, RubricAnswer)
    assert checked.score == 3.5
    assert errors_of({}) == {"scores": "Choose a level of each aspect."}
    assert errors_of({"scores": {"Facts": 4}}) == {
        "scores/Facts": "4 is not a score of this rubric. It has 1, 2, 3, 5.",
        "scores/Greeting": "Choose a level for “Greeting”.",
    }
    assert errors_of({"scores": {"Facts": 5, "Greeting": 1, "Mood": 1}}) == {
        "scores/Mood": "“Mood” is not an aspect of this rubric. It has Facts, Greeting."
    }
    assert set(errors_of({"scores": {"Facts": 5, "Greeting": 0}})) == {"improvements"}


def test_aspects_have_distinct_names() -> None:
    with pytest.raises(ValueError, match="aspects of HumanRubricLoss .* “Tone” is there twice: rename one"):
        HumanRubricLoss("Good?", LEVELS, aspects=[Aspect(name="Tone"), Aspect(name="Tone")])


@pytest.mark.parametrize(
    ("aspect", "message"),
    [
        ({"nam": "Tone"}, "An aspect of LLMRubricLoss is Aspect.*is none: name: Field required"),
        ("Tone", "An aspect of LLMRubricLoss is Aspect"),
        ({"name": "Tone", "weight": 0}, "weight: Input should be greater than 0"),
        ({"name": "Tone", "levels": YES_NO[:1]}, "aspect “Tone” of LLMRubricLoss has two levels or more"),
    ],
)
def test_an_aspect_that_is_none_is_refused_in_words(aspect: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LLMRubricLoss("Good?", LEVELS, aspects=[aspect])


def test_an_answer_that_lacks_an_aspect_or_its_level_is_a_value_error() -> None:
    loss = HumanRubricLoss("Is it good?", LEVELS, aspects=ASPECTS)

    with pytest.raises(ValueError, match="HumanRubricLoss needs a score of each aspect: Greeting has none"):
        loss.read([RubricAnswer(scores={"Facts": 3})])
    with pytest.raises(ValueError, match="aspect “Greeting” of HumanRubricLoss has no level of score 3"):
        loss.read([RubricAnswer(scores={"Facts": 3, "Greeting": 3})])


def test_a_question_without_aspects_is_as_it_was() -> None:
    assert RubricQuestion(criteria="", output="x", levels=tuple(LEVELS)).aspects == ()
