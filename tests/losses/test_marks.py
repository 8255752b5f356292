"""Comments on words reach the feedback with the words that they mark."""

from __future__ import annotations

from typing import Any

import pytest

from optimization.feedback.errors import InvalidAnswer
from optimization.feedback.parsing import answer_parse
from optimization.losses import (
    FeedbackAnswer,
    HumanFeedbackLoss,
    HumanPreferenceLoss,
    HumanRankingLoss,
    HumanRubricLoss,
    Mark,
    PreferenceAnswer,
    PreferenceQuestion,
    RankingAnswer,
    RubricAnswer,
    ScriptedDesk,
)
from optimization.losses.sides import answer_as_asked, answer_as_shown
from tests.feedback.scene import rubric
from tests.losses.rubrics import LEVELS

MARK = Mark(quote="by\nSaturday", comment="Say which Saturday")
SAID = "On “by Saturday”: Say which Saturday"


async def test_of_one_output_they_follow_the_improvements() -> None:
    desk = ScriptedDesk([RubricAnswer(2, ["Greet."], marks=[MARK]), FeedbackAnswer(marks=[MARK])])
    judged = await HumanRubricLoss("good?", LEVELS, desk=desk)("x")
    remarked = await HumanFeedbackLoss(desk=desk)("x")

    assert judged.payload == [["Greet.", SAID]]
    assert remarked.payload == [[SAID]]


async def test_of_several_outputs_each_gets_its_own() -> None:
    mark = MARK.model_copy(update={"output": 1})
    pair = HumanPreferenceLoss("which?", desk=ScriptedDesk([PreferenceAnswer("A", "kind", marks=[mark])]))
    a, b = await pair.compare("a", "b")
    ranks = HumanRankingLoss("order?", desk=ScriptedDesk([RankingAnswer([2, 1], marks=[mark])]))
    first, second = await ranks.rank(["a", "b"])

    assert a.payload == [["Preferred. Strength: kind"]]
    assert b.payload == [["The other output was better: kind", SAID]]
    assert (first.payload, second.payload) == ([["Ranked #2/2."]], [[SAID]])


def test_they_move_with_the_sides() -> None:
    shown = PreferenceAnswer("A", "kind", marks=[MARK])
    asked = answer_as_asked(shown, [1, 0])
    assert (asked.choice, asked.marks[0].output) == ("B", 1)
    assert answer_as_shown(asked, [1, 0]) == shown


def test_a_comment_on_words_says_what_should_be_better() -> None:
    checked = answer_parse(rubric(), {"score": 1, "marks": [MARK.model_dump()]})
    assert checked.marks == [MARK]
    pair = PreferenceQuestion(criteria="", outputs=("a", "b"))
    answer_parse(pair, {"choice": "A", "marks": [MARK.model_dump()]})


@pytest.mark.parametrize(
    "marks", [[{"quote": "", "comment": "x"}], [{"quote": "x"}], "words", [MARK.model_dump()] * 51]
)
def test_marks_that_are_none_are_refused(marks: Any) -> None:
    with pytest.raises(InvalidAnswer) as refused:
        answer_parse(rubric(), {"score": 5, "marks": marks})
    assert set(refused.value.errors) == {"marks"}


def test_a_mark_is_on_an_output_that_is_there() -> None:
    with pytest.raises(InvalidAnswer, match="Output 1 of a mark"):
        answer_parse(rubric(), {"score": 5, "marks": [{**MARK.model_dump(), "output": 1}]})
