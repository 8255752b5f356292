from __future__ import annotations

import copy
from typing import Any

import pytest

from optimization.core import (
    LLMInference,
    Module,
    ModuleDict,
    ModuleList,
    Parameter,
    Sequential,
    TrainingStep,
    unwrap,
)
from optimization.llm import EndpointConfig, ResourceConfig, ResourceManager
from tests.core.scripted import Model, echo


class Upper(Module):
    def forward(self, text: str) -> str:
        return text.upper()


class Suffix(Module):
    def __init__(self, suffix: str) -> None:
        self.suffix = Parameter(suffix, "what is put behind")

    def forward(self, text: str) -> str:
        return text + self.suffix.value


class Pair(Module):
    def __init__(self) -> None:
        self.first = Suffix("1")
        self.second = Suffix("2")

    def forward(self, text: Any) -> Any:
        return self.second(self.first(text))


async def test_a_leaf_runs_with_resolved_inputs() -> None:
    assert unwrap(await Upper()("abc")) == "ABC"


async def test_a_leafs_forward_may_be_plain_or_async() -> None:
    class Slow(Module):
        async def forward(self, text: str) -> str:
            return text * 2

    assert unwrap(await Sequential(Upper(), Slow())("ab")) == "ABAB"


async def test_a_module_with_children_is_a_composite_whose_forward_runs_once() -> None:
    class Counted(Pair):
        runs = 0

        def forward(self, text: Any) -> Any:
            self.runs += 1
            return super().forward(text)

    module = Counted()

    assert unwrap(await module("a")) == "a12"
    assert module.runs == 1


async def test_composites_may_hold_composites() -> None:
    class Outer(Module):
        def __init__(self) -> None:
            self.inner = Pair()
            self.last = Upper()

        def forward(self, text: Any) -> Any:
            return self.last(self.inner(text))

    assert unwrap(await Outer()("a")) == "A12"


def test_a_composite_with_an_async_forward_is_refused() -> None:
    class Wrong(Module):
        def __init__(self) -> None:
            self.inner = Upper()

        async def forward(self, text: str) -> Any:
            return await self.inner(text)

    with pytest.raises(TypeError, match="leaf = True"):
        Wrong().is_composite()


async def test_leaf_true_makes_one_step_of_a_module_that_calls_its_children() -> None:
    class Twice(Module):
        leaf = True

        def __init__(self) -> None:
            self.inner = Suffix("!")

        async def forward(self, text: str) -> Any:
            return await self.inner(unwrap(await self.inner(text)))

    assert unwrap(await Twice()("a")) == "a!!"


async def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError, match="has no forward"):
        await Module()("x")


def test_modules_start_in_eval_mode() -> None:
    module = Pair()

    assert not any(part.training for part in module.modules())


def test_train_and_eval_reach_every_module_below() -> None:
    module = Pair()

    assert module.train() is module
    assert all(part.training for part in module.modules())
    assert module.eval() is module
    assert not any(part.training for part in module.modules())


def test_parameters_are_named_by_their_dotted_path_in_a_fixed_order() -> None:
    module = Pair()

    assert [name for name, _ in module.named_parameters()] == ["first.suffix", "second.suffix"]
    assert [parameter.name for parameter in module.parameters()] == ["first.suffix", "second.suffix"]


def test_a_parameter_keeps_its_name_inside_a_training_step() -> None:
    module = Pair()
    TrainingStep(module, Upper())

    assert [parameter.name for parameter in module.parameters()] == ["first.suffix", "second.suffix"]


def test_a_shared_module_has_its_parameters_counted_once() -> None:
    module = Pair()
    module.second = module.first

    assert len(module.parameters()) == 1


def test_replacing_or_deleting_an_attribute_takes_it_out_of_the_tree() -> None:
    module = Pair()
    module.first = None  # type: ignore[assignment]
    del module.second

    assert module.children() == []
    assert module.parameters() == []


def test_state_dict_and_load_state_dict_carry_values_as_text() -> None:
    module, other = Pair(), Pair()
    module.load_state_dict({"first.suffix": "one"})
    other.load_state_dict(module.state_dict())

    assert other.state_dict() == {"first.suffix": "one", "second.suffix": "2"}


def test_load_state_dict_changes_nothing_if_a_name_is_unknown() -> None:
    module = Pair()

    with pytest.raises(KeyError, match=r"third\.suffix"):
        module.load_state_dict({"first.suffix": "one", "third.suffix": "three"})
    with pytest.raises(TypeError, match=r"second\.suffix"):
        module.load_state_dict({"first.suffix": "one", "second.suffix": 2})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"dict of texts by parameter name, not \['one'\]"):
        module.load_state_dict(["one"])  # type: ignore[arg-type]
    assert module.state_dict() == {"first.suffix": "1", "second.suffix": "2"}


def test_a_deep_copy_has_parameters_of_its_own_under_the_same_names() -> None:
    module = Pair().bind(Model(echo))
    copied = copy.deepcopy(module)
    copied.load_state_dict({"first.suffix": "other"})
    del module.second

    assert module.first.suffix.value == "1"
    assert [parameter.name for parameter in copied.parameters()] == ["first.suffix", "second.suffix"]
    assert copied.resources is module.resources


def test_bind_returns_the_module_and_reaches_every_child() -> None:
    module, resources = Sequential(LLMInference("a"), Sequential(LLMInference("b"))), Model(echo)

    assert module.bind(resources) is module
    assert all(part.resources is resources for part in module.modules())


def test_bind_makes_real_clients_of_a_resource_config() -> None:
    module = LLMInference("default").bind(ResourceConfig(default=EndpointConfig("some-model")))

    assert isinstance(module.resources, ResourceManager)


def test_a_module_holds_modules_and_never_its_owner() -> None:
    with pytest.raises(TypeError, match="'0' of Sequential is to be a Module, not str: 'draft'"):
        Sequential("draft")  # type: ignore[arg-type]
    outer = Pair()
    with pytest.raises(
        ValueError, match=r"Suffix cannot hold the Pair that holds it, or itself, as 'parent'"
    ):
        outer.first.parent = outer  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="cannot hold"):
        outer.me = outer  # type: ignore[attr-defined]

    assert [parameter.name for parameter in outer.parameters()] == ["first.suffix", "second.suffix"]


def test_bind_refuses_what_cannot_complete() -> None:
    with pytest.raises(TypeError, match="has no complete"):
        Upper().bind("gpt")


async def test_an_unbound_module_says_which_one_and_what_to_do() -> None:
    module = Sequential(Upper(), LLMInference("default"))

    with pytest.raises(RuntimeError, match=r"LLMInference '1' is not bound.*bind\(resources\)"):
        await module("x")


async def test_sequential_hands_each_output_to_the_next() -> None:
    assert unwrap(await Sequential(Suffix("1"), Upper(), Suffix("x"))("a")) == "A1x"
    assert unwrap(await Sequential()("a")) == "a"


async def test_module_list_and_module_dict_register_what_they_hold() -> None:
    class Both(Module):
        def __init__(self) -> None:
            self.steps = ModuleList([Suffix("1"), Suffix("2")])
            self.named = ModuleDict({"up": Upper(), "end": Suffix("x")})

        def forward(self, text: Any) -> Any:
            for step in self.steps:
                text = step(text)
            return self.named["end"](self.named["up"](text))

    module = Both()

    assert unwrap(await module("a")) == "A12x"
    assert list(module.state_dict()) == ["steps.0.suffix", "steps.1.suffix", "named.end.suffix"]
    assert (len(module.steps), list(module.named), "up" in module.named) == (2, ["up", "end"], True)
    assert module.steps[1].suffix.value == "2"  # type: ignore[attr-defined]


def test_required_inputs_are_those_without_a_default() -> None:
    class Reply(Module):
        def forward(self, ticket: str, customer: str, tone: str = "kind", **more: str) -> str:
            return ticket

    assert Reply().required_inputs() == ["ticket", "customer"]
    assert TrainingStep(Reply(), Upper()).required_inputs() == ["ticket", "customer"]
    assert Sequential(Reply(), Upper()).required_inputs() == ["ticket", "customer"]
