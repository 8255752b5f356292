"""A backend's arguments as data: made from the signature of its `train`, and refused where it has no such argument."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from optimization.backends import BACKENDS, LocalBackend, TrainableModel, arguments_schema, check_arguments

SERVERLESS = {
    *("learning_rate", "ppo", "epsilon", "epsilon_high", "advantage_balance", "scale_rewards"),
    *("importance_sampling_level", "max_negative_advantage_importance_sampling_weight", "mask_prob_ratio"),
    *("kimi_k2_tau", "precalculate_logprobs"),
}
COMMON = SERVERLESS - {
    *("max_negative_advantage_importance_sampling_weight", "mask_prob_ratio", "kimi_k2_tau"),
    "precalculate_logprobs",
}
TAKES = {
    "ServerlessBackend": SERVERLESS,
    "LocalBackend": SERVERLESS
    | {"allow_training_without_logprobs", "plot_tensors", "truncated_importance_sampling"}
    | {"scale_learning_rate_by_reward_std_dev", "logprob_calculation_chunk_size", "save_checkpoint"},
    "TinkerBackend": COMMON
    | {"save_checkpoint", "deploy_checkpoint", "train_mlp", "train_attn", "train_unembed"},
}


@pytest.mark.parametrize("name", TAKES)
def test_a_schema_has_the_arguments_of_the_source_and_takes_no_other(name: str) -> None:
    schema = arguments_schema(BACKENDS[name])

    assert set(schema["properties"]) == TAKES[name]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["learning_rate"]["default"] == 5e-6


@pytest.mark.parametrize("name", TAKES)
def test_defaults_are_those_of_the_signature(name: str) -> None:
    signature = inspect.signature(BACKENDS[name].train)
    properties = arguments_schema(BACKENDS[name])["properties"]

    assert {argument: about["default"] for argument, about in properties.items()} == {
        argument: signature.parameters[argument].default for argument in properties
    }


def test_what_a_backend_does_not_take_is_pointed_at_with_what_it_takes() -> None:
    ((pointer, message),) = check_arguments(BACKENDS["ServerlessBackend"], {"plot_tensors": True})

    assert pointer == "/plot_tensors"
    assert message.startswith(
        "ServerlessBackend has no such argument. ServerlessBackend takes learning_rate, ppo"
    )


@pytest.mark.parametrize(
    "arguments",
    [{"importance_sampling_level": "word"}, {"learning_rate": "fast"}, {"ppo": 1}],
)
def test_a_value_of_another_type_is_pointed_at(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    found = check_arguments(LocalBackend, arguments)

    assert [pointer for pointer, _ in found] == [f"/{name}"]
    assert repr(arguments[name]) in found[0][1]


def test_right_arguments_are_right() -> None:
    assert check_arguments(LocalBackend, {"plot_tensors": True, "epsilon": 0.1}) == []


@pytest.mark.parametrize(
    ("name", "argument"),
    [("ServerlessBackend", "plot_tensors"), ("TinkerBackend", "logprob_calculation_chunk_size")],
)
def test_an_unsupported_argument_is_a_type_error_at_the_call(
    name: str, argument: str, model: TrainableModel
) -> None:
    backend: Any = BACKENDS[name]()

    with pytest.raises(TypeError, match=f"unexpected keyword argument '{argument}'"):
        backend.train(model, [], **{argument: 512})
