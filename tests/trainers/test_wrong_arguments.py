"""What `train` and `evaluate` refuse, in words that name the setting and the way out, before the first example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimization.core import LLMInference
from optimization.trainers import (
    DollarLimit,
    Guide,
    Minibatch,
    MinibatchAlgorithm,
    NoImprovement,
    ParetoSearch,
    PlanError,
    TargetScore,
    TimeLimit,
)
from tests.trainers.agents import Writer, agent_and_optimizer, dataset, marks

DATA = dataset("a", "b")
INPUTS = {"inputs": ["a", "b"]}


async def trained(guide: Any = marks, data: Any = DATA, **keywords: Any) -> Writer:
    agent, optimizer, _ = agent_and_optimizer()
    await MinibatchAlgorithm(agent, optimizer).train(guide, data, **keywords)
    return agent


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (["a"], "not list"),
        (None, "the training set has no examples"),
        ({"inputs": [], "infos": []}, "the training set has no examples"),
        (INPUTS, "it has no infos, it has inputs"),
        ({**INPUTS, "info": [1, 2]}, "it has no infos, it has inputs, info"),
        ({**INPUTS, "infos": None}, "its infos are NoneType"),
        ({**INPUTS, "infos": "ab"}, "its infos are str"),
        ({"inputs": (x for x in "ab"), "infos": [1, 2]}, "its inputs are generator"),
        ({**INPUTS, "infos": [1]}, "it has 2 inputs and 1 infos"),
    ],
)
async def test_a_dataset_is_two_lists_of_one_length(data: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        await trained(data=data)
    if data is not None and data != {"inputs": [], "infos": []}:
        with pytest.raises(ValueError, match=f"The test dataset .*{words}"):
            await trained(test_dataset=data)


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"num_threads": 0}, ValueError, "num_threads is how many examples run at once, 1 or more, not 0"),
        ({"num_threads": "4"}, ValueError, "num_threads .* not '4'"),
        ({"log_frequency": -1}, ValueError, "log_frequency is every how many iterations, 0 for never, not -1"),
        ({"save_frequency": 1.5}, ValueError, "save_frequency .* not 1.5"),
        ({"eval_frequency": -1}, PlanError, "eval_frequency: .* not -1"),
        ({"save_frequency": 1, "save_path": Path()}, ValueError, "save_path is the file .* is a folder"),
        ({"stoppers": TargetScore(1)}, TypeError, "stoppers is a list"),
        ({"stoppers": [5]}, TypeError, "stoppers is a list of what can be called"),
        ({"callbacks": print}, TypeError, "callbacks is a list"),
        ({"seed": "x"}, ValueError, "seed is a whole number, not 'x'"),
        ({"verbose": "loud"}, ValueError, "verbose is True, False or 'output', not 'loud'"),
        ({"approver": lambda before, after: True}, ValueError, "would never be asked: give approve=True too"),
        ({"save_freqency": 3}, PlanError, "save_freqency: no such argument; did you mean save_frequency?"),
        ({"epochs": 3}, PlanError, "epochs: no such argument; did you mean num_epochs?"),
        ({"xyz": 3}, PlanError, "xyz: no such argument; it takes num_epochs, .*save_path"),
        ({"batch_size": 0}, PlanError, "batch_size: .* not 0"),
        ({"min_score": float("nan")}, PlanError, "min_score: .* not nan"),
        ({"improvement_threshold": float("inf")}, PlanError, "improvement_threshold: .* not inf"),
    ],
)  # fmt: skip
async def test_a_keyword_that_makes_no_sense_is_refused_by_name(
    keywords: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await trained(**keywords)


def test_a_trainers_threads_are_checked_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="num_threads"):
        Minibatch(num_threads=0)


class Silent(Guide):
    """A guide that never says how it judges."""


@pytest.mark.parametrize(
    ("guide", "words"),
    [
        ("hello", "'hello' cannot be called"),
        (None, "None cannot be called"),
        (Silent, r"is a class: make one, Silent\(\)"),
        (Silent(), r"does not say how it judges: write its get_feedback\(\)"),
        (lambda x, output: (1.0, ""), "cannot be called with three arguments"),
    ],
)
async def test_a_guide_that_cannot_judge_is_refused_before_the_first_example(guide: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        await trained(guide)
    with pytest.raises(TypeError, match=words):
        await trained(test_guide=guide, test_dataset=DATA) if guide is not None else await trained(guide)
    with pytest.raises(TypeError, match=words):
        await MinibatchAlgorithm().evaluate(Writer(), guide, ["a"], [1])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (0.5, "gave 0.5"),
        (None, "gave None"),
        ((1.0, "a", "b"), "gave "),
        (("0.5", "a"), "gave the score '0.5'"),
        (("too short", 0.5), "gave the score 'too short'"),
        ((float("nan"), "a"), "gave the score nan"),
        (([1.0], "a"), "gave the score"),
    ],
)
async def test_a_guide_that_judges_otherwise_stops_training_and_says_what_a_guide_gives(
    said: Any, words: str
) -> None:
    with pytest.raises(TypeError, match=rf"{words}.*gives \(score, feedback\)"):
        await trained(lambda x, output, info: said)


@pytest.mark.parametrize("said", [(True, ""), [1, ""], (1, None)])
async def test_what_counts_as_a_number_is_a_score(said: Any) -> None:
    assert await MinibatchAlgorithm().evaluate(Writer(), lambda *asked: said, ["a"], [1]) == 1.0


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (None, TypeError, "it gave None"),
        ("no", TypeError, "it gave 'no'"),
        ({"nope": "x"}, KeyError, "the parameter 'nope'. There are: prompt"),
        ({"prompt": 5}, TypeError, "value of parameter 'prompt' must be text, not int"),
    ],
)
async def test_an_approver_says_yes_or_no_or_gives_texts(
    said: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await trained(approve=True, approver=lambda before, after: said)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TargetScore("x"),
        lambda: TargetScore(float("nan")),
        lambda: NoImprovement(0),
        lambda: NoImprovement(1.5),
        lambda: NoImprovement(2, "x"),
        lambda: TimeLimit(-1),
        lambda: TimeLimit("soon"),
        lambda: DollarLimit(-1),
        lambda: DollarLimit("2"),
    ],
)
def test_a_stopper_says_what_it_must_be_given(make: Callable[[], Any]) -> None:
    with pytest.raises(
        ValueError, match="(score|iterations|threshold|seconds|dollars) of .* must be a .*number"
    ):
        make()


@pytest.mark.parametrize("kind", [MinibatchAlgorithm, ParetoSearch])
async def test_a_trainer_says_what_it_lacks(kind: type[MinibatchAlgorithm]) -> None:
    agent, optimizer, _ = agent_and_optimizer()
    with pytest.raises(RuntimeError, match=rf"has no agent: make it as {kind.__name__}\(agent, optimizer\)"):
        await kind().train(marks, DATA)
    with pytest.raises(RuntimeError, match="no Module but str"):
        await kind("agent", optimizer).train(marks, DATA)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="has no optimizer"):
        await kind(agent).train(marks, DATA)


async def test_an_optimizer_of_another_agent_is_refused_since_nothing_would_change() -> None:
    _, optimizer, _ = agent_and_optimizer()
    for agent in (Writer(), LLMInference("default", "A fixed prompt.")):
        with pytest.raises(
            ValueError, match=f"holds none of the parameters of {type(agent).__name__} that learn"
        ):
            await MinibatchAlgorithm(agent, optimizer).train(marks, DATA)


@pytest.mark.parametrize("samples", [0, -1, 1.5])
async def test_an_evaluation_makes_one_output_or_more_of_each_input(samples: Any) -> None:
    with pytest.raises(ValueError, match="num_samples is a whole number, 1 or more"):
        await MinibatchAlgorithm().evaluate(Writer(), marks, ["a"], [1], num_samples=samples)
