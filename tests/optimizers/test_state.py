"""An optimizer's state: by index, through JSON and back, with model clients handed back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from optimization.core import MaxLength
from optimization.llm import Usage
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


def test_the_optimizer_is_described_group_by_group() -> None:
    assert "Parameter Group 0\n    conservatism: 0.7" in repr(SFAOptimizer(Chain(1).parameters()))
