"""Losses that compare: the samples of an example judged by each other, and what cannot be judged told in advance."""

from __future__ import annotations

from typing import Any

import pytest

from optimization.core import LLMInference, Module, Parameter
from optimization.losses import (
    CompositeLoss,
    HumanPreferenceLoss,
    HumanRankingLoss,
    LLMFeedbackLoss,
    LLMPreferenceLoss,
    PreferenceAnswer,
    RankingAnswer,
    ScriptedDesk,
    VerifierLoss,
)
from optimization.optimizers import SFAOptimizer
from optimization.trainers import BasicSearchAlgorithm, Minibatch, MinibatchAlgorithm, ParetoSearch, Trainer
from tests.core.scripted import Model, echo
from tests.optimizers.models import FakeModel, improving
from tests.trainers.agents import agent_and_optimizer, dataset, marks


class Speaker(Module):
    """One call to a model, so that its samples differ."""

    def __init__(self) -> None:
        self.say = LLMInference("default", Parameter("Speak.", "how to speak"))

    def forward(self, text: Any) -> Any:
        return self.say(text)


def speaker() -> tuple[Speaker, SFAOptimizer]:
    agent = Speaker().bind(Model(lambda request: f"{echo(request)} ({request.sample})"))
    return agent, SFAOptimizer(agent.parameters()).bind(FakeModel(improving))


def without_targets(*inputs: str) -> dict[str, list[Any]]:
    return {"inputs": list(inputs), "infos": [None] * len(inputs)}


async def test_the_samples_of_an_example_are_compared_in_one_question_and_each_gets_its_feedback() -> None:
    agent, optimizer = speaker()
    desk = ScriptedDesk([RankingAnswer([2, 1, 3], ["fine", "good", "bad"])])
    told = []
    scores, _ = await MinibatchAlgorithm(agent, optimizer).train(
        HumanRankingLoss("Best?", desk=desk),
        without_targets("hello"),
        num_samples=3,
        callbacks=[lambda event: told.append(event.data.get("outcome"))],
    )
    assert desk.questions[0].outputs == tuple(f"Speak. hello ({sample})" for sample in range(3))
    assert scores == [0.5]
    outcomes = [outcome for outcome in told if outcome is not None]
    assert [(one.sample, one.score, one.feedback) for one in outcomes] == [
        (0, 0.5, [["fine"]]),
        (1, 1.0, [["good"]]),
        (2, 0.0, [["bad"]]),
    ]
    assert agent.say.system_prompt.value != "Speak."


async def test_with_one_sample_the_output_is_compared_with_its_target() -> None:
    agent, optimizer = speaker()
    desk = ScriptedDesk([PreferenceAnswer("B", "warmer")])
    data = {"inputs": ["hello"], "infos": ["Good day!"]}
    scores, _ = await Minibatch(agent, optimizer).train(HumanPreferenceLoss("Better?", desk=desk), data)
    assert desk.questions[0].outputs == ("Speak. hello (0)", "Good day!")
    assert scores == [0.0]


async def test_an_evaluation_compares_each_output_with_its_target_however_many_samples() -> None:
    agent, _ = speaker()
    desk = ScriptedDesk([PreferenceAnswer("A", "warmer"), PreferenceAnswer("tie")])
    loss = HumanPreferenceLoss("Better?", require_reason=False, desk=desk)
    assert await Trainer().evaluate(agent, loss, ["hello"], ["Good day!"], num_samples=2) == 0.75
    assert [question.outputs[1] for question in desk.questions] == ["Good day!", "Good day!"]


async def test_a_sample_that_raises_costs_its_example() -> None:
    agent, optimizer, _ = agent_and_optimizer()
    desk = ScriptedDesk([PreferenceAnswer("A", "why")])
    told = []
    await MinibatchAlgorithm(agent, optimizer).train(
        HumanPreferenceLoss("Better?", desk=desk),
        without_targets("bad", "good"),
        batch_size=2,
        num_samples=2,
        callbacks=[lambda event: told.append(event.data.get("outcome"))],
    )
    by_example = {(one.example, one.sample): one.error for one in told if one is not None}
    assert set(by_example) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert "cannot write about bad" in by_example[0, 0]
    assert by_example[0, 0] == by_example[0, 1]
    assert by_example[1, 0] is None


PREFERENCE = LLMPreferenceLoss("c").bind(Model([]))
COMPOSITE = CompositeLoss([(VerifierLoss("exact"), 1), (LLMPreferenceLoss("c"), 1)]).bind(Model([]))
FEEDBACK = LLMFeedbackLoss().bind(Model([]))


@pytest.mark.parametrize(
    ("trainer", "guide", "arguments", "said"),
    [
        (
            MinibatchAlgorithm,
            PREFERENCE,
            {},
            "Example 1 of the split train: LLMPreferenceLoss compares an output",
        ),
        (
            MinibatchAlgorithm,
            COMPOSITE,
            {},
            "Example 1 of the split train: LLMPreferenceLoss compares an output",
        ),
        (
            MinibatchAlgorithm,
            PREFERENCE,
            {"num_samples": 3},
            "num_samples is 3: LLMPreferenceLoss compares two",
        ),
        (
            MinibatchAlgorithm,
            PREFERENCE,
            {"num_samples": 2, "ensure_improvement": True},
            "says nothing of whether another prompt is better, and MinibatchAlgorithm decides by that",
        ),
        (ParetoSearch, PREFERENCE, {"num_samples": 2}, "and ParetoSearch decides by that"),
        (BasicSearchAlgorithm, PREFERENCE, {"num_samples": 2}, "Example 1 of the split train"),
        (
            BasicSearchAlgorithm,
            FEEDBACK,
            {},
            "BasicSearchAlgorithm decides by scores, and LLMFeedbackLoss gives none",
        ),
        (MinibatchAlgorithm, FEEDBACK, {"ensure_improvement": True}, "decides by scores"),
    ],
)
async def test_what_cannot_be_judged_is_refused_before_the_first_example(
    trainer: type[Trainer], guide: Any, arguments: dict[str, Any], said: str
) -> None:
    agent, optimizer, model = agent_and_optimizer()
    with pytest.raises(ValueError, match=said):
        await trainer(agent, optimizer).train(guide, without_targets("a", "b"), **arguments)
    assert model.asked == []


@pytest.mark.parametrize(
    ("guide", "said"),
    [
        (PREFERENCE, "Example 2 of the split test: .* no target"),
        (FEEDBACK, "LLMFeedbackLoss gives no scores"),
    ],
)
async def test_a_test_guide_that_could_not_score_is_refused_too(guide: Any, said: str) -> None:
    agent, optimizer, _ = agent_and_optimizer()
    test = {"inputs": ["a", "b"], "infos": ["A", None]}
    with pytest.raises(ValueError, match=said):
        await MinibatchAlgorithm(agent, optimizer).train(
            marks, dataset("a"), test_dataset=test, test_guide=guide
        )


@pytest.mark.parametrize(
    ("trainer", "arguments", "guides"),
    [
        (Minibatch, {}, set()),
        (MinibatchAlgorithm, {"ensure_improvement": True}, {"train"}),
        (BasicSearchAlgorithm, {}, {"validate"}),
        (ParetoSearch, {}, {"train", "validate"}),
    ],
)
def test_an_algorithm_tells_by_whose_scores_it_decides(trainer, arguments, guides) -> None:
    made = trainer()
    made.prepare({"train": 2}, **arguments)
    assert made.decides_by == guides
