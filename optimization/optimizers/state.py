"""An optimizer's state as JSON data and back, after PyTorch and afnio: parameters become indices, clients their usage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from optimization.core.constraints import Constraint, as_constraint, constraint_to_json
from optimization.core.parameter import Parameter
from optimization.llm.messages import Usage

State = defaultdict[Parameter, dict[str, Any]]
Group = dict[str, Any]


def pack_state(state: Mapping[Parameter, dict[str, Any]], groups: Sequence[Group]) -> dict[str, Any]:
    """{"state": {index: ...}, "param_groups": [...]}, indices counting through the groups."""
    index = {p: i for i, p in enumerate(p for group in groups for p in group["params"])}
    return {
        "state": {index[p]: deepcopy(entry) for p, entry in state.items() if entry},
        "param_groups": [
            {key: _packed(key, value) for key, value in group.items() if key != "params"}
            | {"params": [index[p] for p in group["params"]]}
            for group in groups
        ],
    }


def load_state(
    saved: Mapping[str, Any], groups: Sequence[Group], model_clients: Mapping[str, Any]
) -> tuple[State, list[Group]]:
    """The state and groups that `saved` describes, for the parameters of `groups`."""
    saved_groups: list[Mapping[str, Any]] = saved["param_groups"]
    if len(saved_groups) != len(groups):
        raise ValueError(
            f"The loaded state has {len(saved_groups)} parameter groups, this optimizer has {len(groups)}. Build the "
            "optimizer with the groups that the state was saved from."
        )
    for i, (group, packed) in enumerate(zip(groups, saved_groups, strict=True)):
        if len(packed["params"]) != len(group["params"]):
            raise ValueError(
                f"Parameter group {i} of the loaded state has {len(packed['params'])} parameters, this optimizer's "
                f"has {len(group['params'])}. Build the optimizer with the groups that the state was saved from."
            )
    clients = _clients_needed(saved_groups, model_clients)
    parameters = {
        index: parameter
        for group, packed in zip(groups, saved_groups, strict=True)
        for index, parameter in zip(packed["params"], group["params"], strict=True)
    }
    state: State = defaultdict(dict)
    for key, entry in saved["state"].items():
        state[parameters[int(key)]] = {name: _pairs(name, deepcopy(value)) for name, value in entry.items()}
    loaded = [
        {key: _unpacked(key, value, clients) for key, value in packed.items() if key != "params"}
        | {"params": group["params"]}
        for group, packed in zip(groups, saved_groups, strict=True)
    ]
    for client, usage in {id(client): (client, usage) for client, usage in clients.values()}.values():
        client.update_usage(usage)
    return state, loaded


def _clients_needed(
    saved_groups: Sequence[Mapping[str, Any]], model_clients: Mapping[str, Any]
) -> dict[str, tuple[Any, Mapping[str, Any]]]:
    """The client and the stored usage of every setting that held a client."""
    found = {}
    for key, value in ((key, value) for group in saved_groups for key, value in group.items()):
        if _is_packed_client(value):
            if key not in model_clients:
                raise ValueError(
                    f"The loaded state has a model client of type {value['class_type']!r} under {key!r}, and none was "
                    f"given. Call load_state_dict(state, model_clients={{{key!r}: ...}})."
                )
            found[key] = (model_clients[key], value["usage"])
    return found


def _packed(key: str, value: Any) -> Any:
    if key == "constraints":
        return [constraint_to_json(constraint) for constraint in value]
    if callable(getattr(value, "complete", None)):
        usage = getattr(value, "usage", Usage())
        return {"class_type": type(value).__name__, "usage": usage.model_dump()}
    return deepcopy(value)


def _unpacked(key: str, value: Any, clients: Mapping[str, tuple[Any, Any]]) -> Any:
    if key == "constraints":
        constraints: list[Constraint | str] = [as_constraint(item) for item in value]
        return tuple(constraints)
    return clients[key][0] if _is_packed_client(value) else deepcopy(value)


def _is_packed_client(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"class_type", "usage"}


def _pairs(name: str, value: Any) -> Any:
    """JSON has no tuples: the pairs of a momentum buffer become pairs again."""
    return [tuple(pair) for pair in value] if name == "momentum_buffer" else value
