"""An optimizer's state: by index, through JSON and back, with model clients handed back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from optimization.core import MaxLength
from optimization.llm import EndpointConfig, Usage
from optimization.optimizers import SFAOptimizer, TGDOptimizer
from tests.optimizers.models import Chain, FakeModel, improving, judged


async def trained(chain: Chain, **settings: Any) -> TGDOptimizer:
    optimizer = TGDOptimizer(chain.parameters(), momentum=2, **settings)
    if "model_client" not in settings:
        optimizer.bind(FakeModel(improving))
    await judged(chain, "better")
    await optimizer.step()
    return optimizer


async def test_state_is_by_index_of_the_parameter_and_groups_name_indices() -> None:
    state = (await trained(Chain(2))).state_dict()
    assert sorted(state["state"]) == [0, 1]
    assert state["state"][0]["momentum_buffer"][0][0] == "p0"
    assert state["param_groups"][0]["params"] == [0, 1]


async def test_state_loads_after_a_json_round_trip() -> None:
    optimizer = await trained(Chain(2), constraints=[MaxLength(100), "kind"])
    state = json.loads(json.dumps(optimizer.state_dict()))
    chain = Chain(2)
    loaded = TGDOptimizer(chain.parameters())
    loaded.load_state_dict(state)
    assert loaded.state_dict() == optimizer.state_dict()
    assert loaded.param_groups[0]["momentum"] == 2
    assert loaded.param_groups[0]["constraints"] == (MaxLength(100), "kind")
    assert (
        loaded.state[chain.step0.prompt]["momentum_buffer"][0]
        == optimizer.state_dict()["state"][0]["momentum_buffer"][0]
    )


async def test_a_model_client_is_stored_by_class_and_usage_and_handed_back_at_load() -> None:
    optimizer = await trained(Chain(1), model_client=FakeModel(improving))
    state = json.loads(json.dumps(optimizer.state_dict()))
    packed = state["param_groups"][0]["model_client"]
    assert packed["class_type"] == "FakeModel"
    assert packed["usage"]["calls"] == 1
    client = FakeModel(improving, usage=Usage(calls=10))
    loaded = TGDOptimizer(Chain(1).parameters())
    loaded.load_state_dict(state, model_clients={"model_client": client})
    assert loaded.param_groups[0]["model_client"] is client
    assert client.usage.calls == 11


async def test_a_missing_client_is_named_and_nothing_is_changed() -> None:
    state = (await trained(Chain(1), model_client=FakeModel(improving))).state_dict()
    loaded = TGDOptimizer(Chain(1).parameters())
    with pytest.raises(ValueError, match="'FakeModel' under 'model_client'"):
        loaded.load_state_dict(state)
    assert loaded.param_groups[0]["momentum"] == 0


def test_another_number_of_groups_or_another_size_is_refused_with_the_numbers() -> None:
    state = SFAOptimizer(Chain(2).parameters()).state_dict()
    a, b = Chain(2).parameters()
    with pytest.raises(ValueError, match="has 1 parameter groups, this optimizer has 2"):
        SFAOptimizer([{"params": [a]}, {"params": [b]}]).load_state_dict(state)
    with pytest.raises(
        ValueError, match="group 0 of the loaded state has 2 parameters, this optimizer's has 1"
    ):
        SFAOptimizer([a]).load_state_dict(state)


def packed(**changes: Any) -> dict[str, Any]:
    """The state of an optimizer of one parameter, with changes."""
    return {**TGDOptimizer(Chain(1).parameters(), momentum=1).state_dict(), **changes}


GROUP = packed()["param_groups"][0]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, "not what state_dict.. gave: state: it is missing; param_groups: it is missing"),
        ([], "not what state_dict"),
        (packed(param_groups=[{"momentum": 1}]), "param_groups.0.params: it is missing"),
        (packed(state={"first": {}}), "state.first"),
        (packed(state={7: {}}), "speaks of parameter 7"),
        (packed(state={0: {"momentum_buffer": [["a"]]}}), "momentum_buffer holds pairs"),
        (packed(state={0: {"momentum_buffer": "a"}}), "momentum_buffer holds pairs"),
        (packed(param_groups=[{**GROUP, "momentum": -1}]), "TGDOptimizer, parameter group 0: momentum: "),
        (
            packed(param_groups=[{**GROUP, "constraints": [{"kind": "rhyme"}]}]),
            "Unknown constraint kind 'rhyme'",
        ),
        (packed(param_groups=[{**GROUP, "lr": 1}]), "group 0: lr: there is no such setting"),
        (SFAOptimizer(Chain(1).parameters()).state_dict(), "momentum: it is missing"),
    ],
)
def test_a_state_that_is_none_of_its_own_is_refused_in_words_and_nothing_is_changed(
    state: Any, words: str
) -> None:
    optimizer = TGDOptimizer(Chain(1).parameters(), momentum=3)
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict() == before


async def test_a_client_is_not_counted_where_the_state_does_not_load() -> None:
    state = (await trained(Chain(1), model_client=FakeModel(improving))).state_dict()
    state["param_groups"][0]["momentum"] = "fast"
    client = FakeModel(improving)
    with pytest.raises(ValueError, match="momentum"):
        TGDOptimizer(Chain(1).parameters()).load_state_dict(state, model_clients={"model_client": client})
    assert client.usage == Usage()


async def test_a_client_that_groups_shared_is_counted_once_and_clients_of_their_own_each() -> None:
    def clients_of(*clients: FakeModel) -> Any:
        params = Chain(2).parameters()
        groups = [{"params": [p], "model_client": c} for p, c in zip(params, clients, strict=True)]
        return json.loads(json.dumps(TGDOptimizer(groups).state_dict()))

    used = [FakeModel(improving, usage=Usage(calls=n)) for n in (3, 4)]
    for state, calls in ((clients_of(used[0], used[0]), 3), (clients_of(*used), 7)):
        a, b = Chain(2).parameters()
        client = FakeModel(improving)
        TGDOptimizer([{"params": [a]}, {"params": [b]}]).load_state_dict(
            state, model_clients={"model_client": client}
        )
        assert client.usage.calls == calls


async def test_a_client_is_handed_back_as_what_bind_takes_too() -> None:
    state = (await trained(Chain(1), model_client=FakeModel(improving))).state_dict()
    loaded = TGDOptimizer(Chain(1).parameters())
    loaded.load_state_dict(state, model_clients={"model_client": EndpointConfig("m")})
    assert loaded.param_groups[0]["model_client"].usage.calls == 1
    with pytest.raises(TypeError, match="Cannot bind to int"):
        loaded.load_state_dict(state, model_clients={"model_client": 5})


async def test_a_client_that_counts_nothing_can_be_handed_back() -> None:
    class Plain:
        async def complete(self, alias: str, request: Any) -> Any:
            raise NotImplementedError

    state = TGDOptimizer(Chain(1).parameters(), model_client=Plain()).state_dict()
    assert state["param_groups"][0]["model_client"]["class_type"] == "Plain"
    loaded, client = TGDOptimizer(Chain(1).parameters()), Plain()
    loaded.load_state_dict(state, model_clients={"model_client": client})
    assert loaded.param_groups[0]["model_client"] is client


async def test_a_check_of_ones_own_stays_where_the_optimizer_has_it_already() -> None:
    @dataclass(frozen=True)
    class Rhymes:
        kind: ClassVar[str] = "rhymes"

        def problem(self, value: str, previous: str) -> str | None:
            return None

    state = json.loads(json.dumps(SFAOptimizer(Chain(1).parameters(), constraints=[Rhymes()]).state_dict()))
    optimizer = SFAOptimizer(Chain(1).parameters(), constraints=[Rhymes()])
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["constraints"] == (Rhymes(),)


def test_the_optimizer_is_described_group_by_group() -> None:
    assert "Parameter Group 0\n    conservatism: 0.7" in repr(SFAOptimizer(Chain(1).parameters()))
