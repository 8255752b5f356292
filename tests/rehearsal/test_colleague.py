"""What rehearsal colleagues answer to each kind of question."""

from __future__ import annotations

import pytest

from optimization.losses.questions import (
    FeedbackQuestion,
    PreferenceQuestion,
    RankingQuestion,
    RubricLevel,
    RubricQuestion,
)
from optimization.rehearsal.asking import named_in
from optimization.rehearsal.colleague import ADA, BEN, CONTENT, PERSONAS, persona_named
from optimization.rehearsal.updater import updated
from tests.rehearsal.conftest import TICKETS
from tests.rehearsal.test_learning import FAIR, GOOD, POOR

CASE = {"criteria": "Would you send it?", "target": TICKETS[0]["target"], "context": TICKETS[0]["inputs"]}
LEVELS = tuple(RubricLevel(score, f"level {score}") for score in range(1, 6))


def rubric(output: str, **options) -> RubricQuestion:
    return RubricQuestion(**CASE, output=output, levels=LEVELS, **options)


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.name)
class TestEachColleague:
    def test_scores_a_better_text_higher_and_says_what_is_missing(self, persona) -> None:
        poor, fair, good = (persona.answer(rubric(output)) for output in (POOR, FAIR, GOOD))
        assert poor.score < fair.score < good.score == 5
        assert poor.improvements
        assert all(named_in(remark) for remark in poor.improvements)

    def test_answers_the_same_question_the_same_way(self, persona) -> None:
        assert persona.answer(rubric(FAIR)) == persona.answer(rubric(FAIR))

    def test_gives_an_improvement_where_the_rubric_asks_for_one_and_nothing_comes_of_it(
        self, persona
    ) -> None:
        answer = persona.answer(rubric(GOOD, require_feedback=True))
        assert answer.improvements == [CONTENT]
        assert persona.answer(rubric(GOOD, require_feedback=False)).improvements == []
        assert updated("Answer.", f"- {CONTENT}")[0] == "Answer."

    def test_prefers_the_better_of_two_and_says_why(self, persona) -> None:
        answer = persona.answer(PreferenceQuestion(**CASE, outputs=(POOR, GOOD)))
        assert answer.choice == "B"
        assert answer.reason
        assert persona.answer(PreferenceQuestion(**CASE, outputs=(FAIR, FAIR))).choice == "tie"

    def test_ranks_the_best_first_and_shares_a_rank_only_where_it_may(self, persona) -> None:
        outputs = (FAIR, GOOD, FAIR, POOR)
        assert persona.answer(RankingQuestion(**CASE, outputs=outputs)).ranks == [2, 1, 3, 4]
        assert persona.answer(RankingQuestion(**CASE, outputs=outputs, allow_ties=True)).ranks == [2, 1, 2, 4]

    def test_free_feedback_is_what_is_missing(self, persona) -> None:
        assert persona.answer(FeedbackQuestion(**CASE, output=POOR)).improvements
        assert persona.answer(FeedbackQuestion(**CASE, output=GOOD)).improvements == []

    def test_judges_outputs_and_targets_that_are_no_texts(self, persona) -> None:
        question = RubricQuestion(
            criteria="Is it right?", target={"kind": "late"}, context={"n": 3}, output=["late"], levels=LEVELS
        )
        assert persona.answer(question).score in range(1, 6)


def test_ben_is_stricter_than_ada_and_words_things_differently() -> None:
    assert BEN.answer(rubric(FAIR)).score <= ADA.answer(rubric(FAIR)).score
    scores = [
        (ADA.answer(rubric(output)).score, BEN.answer(rubric(output)).score)
        for output in (POOR, FAIR, FAIR.replace("We are sorry. ", ""), GOOD.split("Anything")[0])
    ]
    assert any(ben < ada for ada, ben in scores)
    assert ADA.answer(rubric(POOR)).improvements[0] != BEN.answer(rubric(POOR)).improvements[0]


def test_colleagues_are_named_as_rehearsal() -> None:
    assert all("(rehearsal)" in persona.name for persona in PERSONAS)
    assert persona_named(ADA.name) is ADA
    assert persona_named("somebody") in PERSONAS
