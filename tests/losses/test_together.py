"""Several outputs of one input judged in one go: by each other where the loss compares, else each by itself."""

from __future__ import annotations

import pytest

from optimization.core import Value, ValueKind, collect_tape_ids, run
from optimization.llm.scope import scoped
from optimization.losses import (
    CompositeLoss,
    HumanPreferenceLoss,
    HumanRankingLoss,
    LLMPreferenceLoss,
    LLMRankingLoss,
    LLMRubricLoss,
    PreferenceAnswer,
    RankingAnswer,
    ScriptedDesk,
    VerifierLoss,
)
from tests.core.programs import Note
from tests.core.scripted import Model
from tests.losses.rubrics import LEVELS

RANKED = {"ranking": [2, 1, 3], "best_qualities": "short", "worst_issues": "late", "comparison": "2 is short"}
PREFERRED = {
    "winner": "B",
    "reason": "shorter",
    "a_strengths": "",
    "a_weaknesses": "long",
    "b_strengths": "short",
    "b_weaknesses": "",
}


async def test_a_loss_that_does_not_compare_judges_each_output_by_itself() -> None:
    verdicts = await VerifierLoss("exact").together(["a", "b"], "a")
    assert [verdict.score for verdict in verdicts] == [1.0, 0.0]


async def test_a_preference_judges_two_side_by_side() -> None:
    desk = ScriptedDesk([PreferenceAnswer("B", "shorter")])
    a, b = await HumanPreferenceLoss("Better?", desk=desk).together(["x", "y"], context={"ticket": "t"})
    assert (a.score, b.score) == (0.0, 1.0)
    assert desk.questions[0].outputs == ("x", "y")
    assert desk.questions[0].context == {"ticket": "t"}


async def test_a_ranking_judges_all_of_them_with_one_question() -> None:
    desk = ScriptedDesk([RankingAnswer([3, 1, 2])])
    verdicts = await HumanRankingLoss("Best?", desk=desk).together(["x", "y", "z"])
    assert [verdict.score for verdict in verdicts] == [0.0, 1.0, 0.5]
    assert len(desk.questions) == 1


@pytest.mark.parametrize(
    ("loss", "count", "said"),
    [
        (LLMPreferenceLoss("c"), 3, "compares two outputs, and there are 3. A ranking loss takes more"),
        (LLMRankingLoss("c"), 1, "ranks two outputs or more; 1 were given"),
        (LLMRankingLoss("c", n=4), 3, "was made for 4 outputs; 3 were given"),
        (CompositeLoss([(VerifierLoss("exact"), 1), (LLMPreferenceLoss("c"), 1)]), 3, "compares two outputs"),
    ],
)
async def test_a_number_of_outputs_that_cannot_be_compared_is_told_in_words(loss, count, said) -> None:
    assert said in loss.misfit(count)
    with pytest.raises(ValueError, match=said):
        await loss.together(["x"] * count)


@pytest.mark.parametrize("loss", [LLMPreferenceLoss("c"), HumanRankingLoss("c")])
def test_without_a_target_there_is_nothing_to_compare_one_output_with(loss) -> None:
    assert "there is no target to compare it with" in loss.misfit_target(None)
    assert loss.misfit_target("another") is None


def test_a_ranking_made_for_n_needs_a_target_of_n_less_one() -> None:
    loss = HumanRankingLoss("c", n=3)
    assert loss.misfit_target(["a", "b"]) is None
    assert "was made for 3 outputs; 2 were given" in loss.misfit_target("a")


async def test_each_verdict_carries_the_tape_of_its_own_output() -> None:
    program = Note()
    outputs = [await run(program, text, record=True) for text in ("x", "y", "z")]
    verdicts = await LLMRankingLoss("c").bind(Model([RANKED])).together(outputs)
    assert [collect_tape_ids(verdict) for verdict in verdicts] == [
        collect_tape_ids(output) for output in outputs
    ]


async def test_a_composite_lets_some_members_compare_and_others_judge_each_output() -> None:
    loss = CompositeLoss([(LLMRankingLoss("c"), 1), (VerifierLoss({"name": "contains", "text": "y"}), 1)])
    outputs = [Value(ValueKind.TEXT, text, meta={"_tape_ids": [text]}) for text in ("x", "y", "z")]
    verdicts = await loss.bind(Model([RANKED])).together(outputs)
    assert [verdict.score for verdict in verdicts] == [0.25, 1.0, 0.0]
    assert [collect_tape_ids(verdict) for verdict in verdicts] == [["x"], ["y"], ["z"]]
    assert verdicts[1].payload == [["[Weight: 1] short"]]


async def test_in_a_composite_every_call_has_a_key_of_its_own() -> None:
    members = [(LLMRankingLoss("c"), 1), (LLMPreferenceLoss("c"), 1), (LLMRubricLoss("c", LEVELS), 1)]
    summary = {"actionable_improvements": ["shorter"]}
    graded = {"score": 1, "justification": "", "actionable_improvements": ["shorter"]}

    def answer(request):
        wanted = request.response_schema["properties"]
        if "ranking" in wanted:
            return {**RANKED, "ranking": [2, 1]}
        return PREFERRED if "winner" in wanted else graded if "score" in wanted else summary

    model = Model(answer)
    with scoped(example="train.0"):
        await CompositeLoss(members, aggregator="judge").bind(model).together(["x", "y"])
    keys = [scope.key() for scope in model.scopes]
    assert len(keys) == 1 + 1 + 2 + 2
    assert len(set(keys)) == len(keys)


def test_losses_tell_whether_they_compare_and_whether_they_score() -> None:
    composite = CompositeLoss([(VerifierLoss("exact"), 1), (HumanRankingLoss("c"), 0)])
    assert (composite.compares, composite.gives_score) == (True, True)
    assert not LLMRubricLoss("c", LEVELS).compares


def test_people_are_launched_with_nine_outputs_at_most() -> None:
    loss = HumanRankingLoss("c", desk=ScriptedDesk())
    assert loss.misfit(9) is None
    assert "puts at most 9 outputs before a person; 10 were given" in str(loss.misfit(10))
