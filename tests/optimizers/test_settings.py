"""What an optimizer is made with: parameters in an order, groups, and settings that are checked by name."""

from __future__ import annotations

import re
from typing import Any

import pytest

from optimization.core import LLMInference, MaxLength, Parameter
from optimization.llm import EndpointConfig, Message, ResourceManager
from optimization.optimizers import Optimizer, Settings, SFAOptimizer, TGDOptimizer
from tests.optimizers.models import Chain, FakeModel, Step, improving, judged

OF_SFA: list[tuple[str, Any]] = [
    ("conservatism", "0.5"),
    ("conservatism", None),
    ("conservatism", 1.1),
    ("conservatism", float("nan")),
    ("max_retries", -1),
    ("max_retries", 1.5),
    ("max_retries", True),
    ("max_tokens", 0),
    ("max_tokens", "9"),
]
OF_TGD: list[tuple[str, Any]] = [
    ("momentum", -1),
    ("momentum", "2"),
    ("messages", []),
    ("messages", "hello"),
    ("messages", [{"role": "poet", "content": "hi"}]),
    ("inputs", [1]),
    ("inputs", {"style": 5}),
    ("model_client", 5),
]
OF_BOTH: list[tuple[str, Any]] = [
    ("constraints", [5]),
    ("constraints", [None]),
    ("constraints", [MaxLength]),
    ("constraints", "Be kind."),
    ("constraints", {"kind": "max_length", "characters": 9}),
    ("constraints", None),
    ("constraints", [{"kind": "max_length", "characters": "many"}]),
    ("constraints", [{"kind": "must_contain", "text": ""}]),
]
WRONG = [(SFAOptimizer, *wrong) for wrong in OF_SFA + OF_BOTH] + [
    (TGDOptimizer, *wrong) for wrong in OF_TGD + OF_BOTH
]


@pytest.mark.parametrize(("kind", "setting", "value"), WRONG)
def test_a_setting_that_does_not_fit_is_named_for_all_groups_and_for_one(
    kind: type[Optimizer], setting: str, value: Any
) -> None:
    step = Step("p")
    with pytest.raises(ValueError, match=f"^{kind.__name__}: {setting}"):
        kind(step.parameters(), **{setting: value})
    with pytest.raises(ValueError, match=f"^{kind.__name__}, parameter group 0: {setting}"):
        kind([{"params": step.parameters(), setting: value}])


@pytest.mark.parametrize(
    "arguments", [{"temperature": -1}, {"temperature": "hot"}, {"max_tokens": 0}, {"alias": ""}, {"alias": 5}]
)
def test_completion_arguments_are_checked_too(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(
        ValueError, match=f"completion_args: {name}: .*it takes alias, temperature, max_tokens"
    ):
        TGDOptimizer(Step("p").parameters(), **arguments)
    with pytest.raises(ValueError, match=f"completion_args: {name}"):
        TGDOptimizer([{"params": Step("p").parameters(), "completion_args": arguments}])


def test_a_reasoning_model_is_an_alias_or_a_function() -> None:
    with pytest.raises(ValueError, match="reasoning_model is an endpoint's alias or an async function"):
        SFAOptimizer(Step("p").parameters(), reasoning_model=5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (None, "module.parameters(), or groups of them, not NoneType"),
        (LLMInference("default"), "module.parameters(), or groups of them, not LLMInference"),
        (["p"], "parameters are Parameters, not str"),
        ([{"conservatism": 0.5}], 'a dict with "params"'),
        ([{"params": [Parameter("p", "d")]}, Parameter("q", "d")], 'a dict with "params"'),
    ],
)
def test_what_are_no_parameters_is_told_what_is_wanted(params: Any, words: str) -> None:
    with pytest.raises(TypeError, match=re.escape(words)):
        SFAOptimizer(params)


@pytest.mark.parametrize("params", [LLMInference("default", "Be kind.").parameters(), [{"params": []}]])
def test_parameters_of_which_none_learns_are_refused(params: Any) -> None:
    with pytest.raises(ValueError, match="None of the optimizer's parameters learns"):
        SFAOptimizer(params)


def test_a_single_group_needs_no_list() -> None:
    optimizer = SFAOptimizer({"params": Step("p").parameters(), "conservatism": 0})
    assert optimizer.param_groups[0]["conservatism"] == 0


def test_a_groups_constraints_and_messages_are_read_like_those_of_all() -> None:
    group = {
        "params": Step("p").parameters(),
        "constraints": [{"kind": "max_length", "characters": 9}],
        "messages": [Message(role="user", content="hi")],
        "model_client": EndpointConfig("m"),
    }
    (settled,) = TGDOptimizer([group]).param_groups
    assert settled["constraints"] == (MaxLength(9),)
    assert settled["messages"] == [{"role": "user", "content": "hi"}]
    assert isinstance(settled["model_client"], ResourceManager)


async def test_each_group_is_asked_for_in_its_own_way() -> None:
    chain, model, other = Chain(2), FakeModel(improving), FakeModel(improving)
    first, second = chain.parameters()
    groups = [
        {"params": [first], "constraints": [MaxLength(50)]},
        {"params": [second], "model_client": other, "completion_args": {"temperature": 0.5, "alias": "mine"}},
    ]
    optimizer = TGDOptimizer(groups, temperature=0.1).bind(model)
    await judged(chain, "better")
    assert await optimizer.step() == {"step0.prompt": "p0!", "step1.prompt": "p1!"}
    assert [(asked.alias, asked.request.temperature) for asked in model.asked] == [("optimizer/updater", 0.1)]
    assert [(asked.alias, asked.request.temperature) for asked in other.asked] == [("mine", 0.5)]
    assert "At most 50 characters" in model.asked[0].block("constraints")
    assert not other.asked[0].block("constraints")


@pytest.mark.parametrize("kind", [SFAOptimizer, TGDOptimizer])
@pytest.mark.parametrize("n", [0, -1, 1.5, "2"])
async def test_a_number_of_proposals_is_1_or_more(kind: type[Optimizer], n: Any) -> None:
    with pytest.raises(ValueError, match="proposes a whole number of sets of values, 1 or more"):
        await kind(Step("p").parameters()).bind(FakeModel(improving)).propose(n)


def test_an_optimizer_of_ones_own_has_its_settings_checked_likewise() -> None:
    class Mine(Optimizer):
        class Settings(Settings):
            speed: int

    assert Mine(Step("p").parameters(), {"speed": 3}).param_groups[0]["speed"] == 3
    with pytest.raises(ValueError, match="Mine: speed: Input should be a valid integer, not 'fast'"):
        Mine(Step("p").parameters(), {"speed": "fast"})
